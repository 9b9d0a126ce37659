# What lies around the program: demo, bench, man pages.
include contrib/bench/local.mk

dist_man_MANS += contrib/man/hookswitch.1 contrib/man/hookswitch.ini.5 \
	contrib/man/hookswitch-maps.5
TESTS += tests/lint/help_and_man.sh
EXTRA_DIST += \
	contrib/demo contrib/demo-receiver.py \
	contrib/build-deb \
	contrib/debian/changelog contrib/debian/control contrib/debian/copyright \
	contrib/debian/hookswitch.docs contrib/debian/hookswitch.ini \
	contrib/debian/hookswitch.install contrib/debian/hookswitch.lintian-overrides contrib/debian/hookswitch.logrotate \
	contrib/debian/hookswitch.postrm contrib/debian/hookswitch-plugin-map.install \
	contrib/debian/hookswitch-plugin-postgres.install \
	contrib/debian/libhookswitch-dev.install contrib/debian/rules \
	contrib/debian/source/format contrib/debian/tests/control contrib/debian/tests/main-job contrib/debian/try-in-chroot \
	contrib/systemd/hookswitch.service contrib/systemd/hookswitch.socket \
	contrib/systemd/hookswitch.sysusers contrib/systemd/hookswitch.tmpfiles \
	contrib/install-deps contrib/packages.txt \
	contrib/logrotate/hookswitch \
	contrib/test contrib/test.py \
	tests/lint/help_and_man.sh

# Debian packages, in ./build-deb.
.PHONY: deb
deb:
	'$(top_srcdir)/contrib/build-deb'
