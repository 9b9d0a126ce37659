# What lies around the program: demo, bench, man pages.
include contrib/bench/local.mk

dist_man_MANS += contrib/man/hookswitch.1 contrib/man/hookswitch.ini.5 \
	contrib/man/hookswitch-maps.5 \
	contrib/man/hookswitch-plugin-test.1 \
	contrib/man/hookswitch-api.7 contrib/man/hookswitch-plugins.7
# What becomes of providers' events is told once, in the READMEs of the plugins.
man_MANS = contrib/man/hookswitch-events.7
source_readmes = $(sort $(wildcard $(top_srcdir)/plugins/source-*/README))
contrib/man/hookswitch-events.7: contrib/man/hookswitch-events.7.in contrib/man/providers.awk $(source_readmes)
	$(AM_V_GEN)$(MKDIR_P) contrib/man && \
	$(AWK) -f $(srcdir)/contrib/man/providers.awk $(source_readmes) >$@.providers && \
	sed -e '/^@PROVIDERS@$$/{r $@.providers' -e 'd;}' $(srcdir)/contrib/man/hookswitch-events.7.in >$@.new && \
	rm -f $@.providers && mv $@.new $@
dist_schema_DATA += contrib/openapi.json
# Installed, the schema that it refers to is beside it.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(schemadir)'
	sed 's|"\.\./sdk/|"./|' '$(srcdir)/contrib/asyncapi.json' >'$(DESTDIR)$(schemadir)/asyncapi.json'
	chmod 644 '$(DESTDIR)$(schemadir)/asyncapi.json'
uninstall-local:
	rm -f '$(DESTDIR)$(schemadir)/asyncapi.json'
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = contrib/completion/bash/hookswitch
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = contrib/completion/zsh/_hookswitch
CLEANFILES += contrib/man/hookswitch-events.7
if LINTS_ENABLED
TESTS += tests/lint/completion.sh tests/lint/completion_zsh.sh tests/lint/help_and_man.sh tests/lint/manual.py \
	tests/lint/metrics.py
endif
EXTRA_DIST += \
	contrib/demo contrib/demo-receiver.py \
	contrib/build-deb \
	contrib/debian/changelog contrib/debian/control contrib/debian/copyright \
	contrib/debian/hookswitch.docs contrib/debian/hookswitch.examples contrib/debian/hookswitch.ini \
	contrib/debian/hookswitch.install contrib/debian/hookswitch.lintian-overrides contrib/debian/hookswitch.logrotate \
	contrib/debian/hookswitch.postinst contrib/debian/hookswitch.prerm contrib/debian/hookswitch-plugin-postgres.lintian-overrides contrib/debian/hookswitch-plugin-postgres.postinst \
	contrib/debian/hookswitch.postrm contrib/debian/hookswitch.templates contrib/debian/po/POTFILES.in \
	contrib/debian/po/templates.pot contrib/debian/hookswitch-plugin-postgres.install \
	contrib/debian/libhookswitch-dev.install contrib/debian/libhookswitch-dev.lintian-overrides contrib/debian/rules \
	contrib/debian/source/format contrib/debian/source/lintian-overrides contrib/debian/tests/control contrib/debian/tests/main-job \
	contrib/debian/tests/new-plugin contrib/debian/tests/plugin-of-its-own contrib/debian/tests/postgres contrib/debian/try-in-chroot \
	contrib/systemd/README contrib/systemd/hookswitch.service contrib/systemd/hookswitch.socket \
	contrib/systemd/hookswitch.sysusers contrib/systemd/hookswitch.tmpfiles \
	contrib/asyncapi.json contrib/lint-api \
	contrib/install-deps contrib/packages.txt \
	contrib/logrotate/hookswitch \
	contrib/receivers/receiver.py contrib/receivers/receiver.mjs \
	contrib/prometheus/hookswitch.rules.yml contrib/grafana/hookswitch.json \
	contrib/sink-redis/Makefile contrib/sink-redis/README contrib/sink-redis/redis.c \
	contrib/proxy/nginx.conf contrib/proxy/Caddyfile \
	contrib/docker/Dockerfile contrib/docker/Dockerfile.dockerignore \
	contrib/test contrib/test.py \
	contrib/man/hookswitch-events.7.in contrib/man/providers.awk \
	tests/lint/completion.sh tests/lint/completion.zsh tests/lint/completion_zsh.sh tests/lint/help_and_man.sh tests/lint/manual.py tests/lint/metrics.py

# Debian packages, in ./build-deb.
.PHONY: deb
deb:
	'$(top_srcdir)/contrib/build-deb'
