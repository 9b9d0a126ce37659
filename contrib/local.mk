# What lies around the program: demo, bench, man pages.
include contrib/bench/local.mk

dist_man_MANS += contrib/man/hookswitch.1 contrib/man/hookswitch.ini.5 \
	contrib/man/hookswitch-maps.5
TESTS += tests/lint/help_and_man.sh
EXTRA_DIST += \
	contrib/demo contrib/demo-receiver.py \
	contrib/install-deps contrib/packages.txt \
	contrib/logrotate/hookswitch \
	contrib/test contrib/test.py \
	tests/lint/help_and_man.sh
