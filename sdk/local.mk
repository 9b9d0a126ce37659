hookswitchincludedir = $(includedir)/hookswitch
hookswitchinclude_HEADERS = \
	sdk/hookswitch/canon.h \
	sdk/hookswitch/canon_content.h \
	sdk/hookswitch/canon_json.h \
	sdk/hookswitch/plugin.h \
	sdk/hookswitch/sink.h \
	sdk/hookswitch/source.h \
	sdk/hookswitch/store.h
# What envelopes look like, for those who receive them.
schemadir = $(datadir)/hookswitch
dist_schema_DATA = sdk/hookswitch-envelope.schema.json
# What `hookswitch plugins new` begins with.
sinktemplatedir = $(datadir)/hookswitch/templates/sink
dist_sinktemplate_DATA = sdk/examples/sink/NAME.c sdk/examples/sink/Makefile sdk/examples/sink/sample.ini \
	sdk/examples/sink/test.sh
sourcetemplatedir = $(datadir)/hookswitch/templates/source
dist_sourcetemplate_DATA = sdk/examples/source/NAME.c sdk/examples/source/Makefile \
	sdk/examples/source/sample.ini sdk/examples/source/test.sh
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/hookswitch.pc

include sdk/canon/local.mk

# Holds plugins to the contract, by the same stand-in for the daemon that our own tests use.
bin_PROGRAMS += hookswitch-plugin-test
hookswitch_plugin_test_SOURCES = sdk/harness/plugin_test.c \
	tests/plugins/fake_conf.c tests/plugins/fake_envelope.c tests/plugins/fake_host.c \
	tests/plugins/fake_host.h tests/plugins/fake_loop.c tests/plugins/fake_private.h
hookswitch_plugin_test_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/plugins
hookswitch_plugin_test_CFLAGS = $(AM_CFLAGS) $(HSW_PROGRAM_CFLAGS) $(EVENT_CFLAGS)
hookswitch_plugin_test_LDFLAGS = $(AM_LDFLAGS) $(HSW_PROGRAM_LDFLAGS)
hookswitch_plugin_test_LDADD = $(EVENT_LIBS) -lpthread
