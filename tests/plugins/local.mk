# Tests of plugins. test_store is for any store: STORE_PLUGIN and STORE_CONF name it.
if TESTS_ENABLED
check_PROGRAMS += tests/plugins/test_store
tests_plugins_test_store_SOURCES = tests/plugins/test_store.c tests/plugins/store_rig.c tests/plugins/store_rig.h
tests_plugins_test_store_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/unit
tests_plugins_test_store_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_store_LDADD = $(CHECK_LIBS)

TESTS += tests/plugins/test_store

# A fake host tests a plugin alone, as the .so that is installed. -rdynamic: it is to find the test's own
# writev and fdatasync.
check_PROGRAMS += tests/plugins/test_sink_file
tests_plugins_test_sink_file_SOURCES = tests/plugins/test_sink_file.c \
	tests/plugins/fake_conf.c tests/plugins/fake_envelope.c tests/plugins/fake_host.c \
	tests/plugins/fake_host.h tests/plugins/fake_loop.c tests/plugins/fake_private.h
tests_plugins_test_sink_file_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/unit
tests_plugins_test_sink_file_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_sink_file_LDFLAGS = -rdynamic
tests_plugins_test_sink_file_LDADD = $(EVENT_LIBS) $(CHECK_LIBS) -lpthread
TESTS += tests/plugins/test_sink_file
endif
