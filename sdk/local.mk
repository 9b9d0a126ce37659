hookswitchincludedir = $(includedir)/hookswitch
hookswitchinclude_HEADERS = \
	sdk/hookswitch/canon.h \
	sdk/hookswitch/canon_content.h \
	sdk/hookswitch/canon_json.h \
	sdk/hookswitch/harness.h \
	sdk/hookswitch/harness_events.h \
	sdk/hookswitch/harness_suite.h \
	sdk/hookswitch/kv.h \
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
storetemplatedir = $(datadir)/hookswitch/templates/store
dist_storetemplate_DATA = sdk/examples/store/NAME.c sdk/examples/store/Makefile \
	sdk/examples/store/sample.ini sdk/examples/store/test.sh
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/hookswitch.pc sdk/hookswitch-harness.pc

include sdk/canon/local.mk
include sdk/kv/local.mk

# What tests of plugins are made with: a stand-in for the daemon, and the tests that every plugin must pass.
lib_LIBRARIES += sdk/libhswharness.a
sdk_libhswharness_a_SOURCES = \
	sdk/harness/bad_input.c \
	sdk/harness/calls.c \
	sdk/harness/calls.h \
	sdk/harness/events.c \
	sdk/harness/expect.h \
	sdk/harness/fake_conf.c \
	sdk/harness/fake_envelope.c \
	sdk/harness/fake_host.c \
	sdk/harness/fake_loop.c \
	sdk/harness/fake_private.h \
	sdk/harness/leftover.c \
	sdk/harness/leftover.h \
	sdk/harness/store_rig.c \
	sdk/harness/store_rig.h \
	sdk/harness/suite.c \
	sdk/harness/suite.h \
	sdk/harness/suite_live.c \
	sdk/harness/suite_plugin.c \
	sdk/harness/suite_sink.c \
	sdk/harness/suite_source.c \
	sdk/harness/suite_store.c \
	sdk/harness/suite_store_exceptions.c sdk/harness/suite_store_records.c
sdk_libhswharness_a_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/sdk
sdk_libhswharness_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JSONC_CFLAGS) -fPIC
harness_ldadd = sdk/libhswharness.a $(EVENT_LIBS) $(JSONC_LIBS) -lpthread

bin_PROGRAMS += hookswitch-plugin-test
hookswitch_plugin_test_SOURCES = sdk/harness/plugin_test.c
hookswitch_plugin_test_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/sdk
hookswitch_plugin_test_CFLAGS = $(AM_CFLAGS) $(HSW_PROGRAM_CFLAGS)
hookswitch_plugin_test_LDFLAGS = $(AM_LDFLAGS) $(HSW_PROGRAM_LDFLAGS)
hookswitch_plugin_test_LDADD = $(harness_ldadd)
