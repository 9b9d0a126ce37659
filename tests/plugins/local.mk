# Tests of plugins. test_store is for any store: STORE_PLUGIN and STORE_CONF name it.
if TESTS_ENABLED
check_PROGRAMS += tests/plugins/test_store
tests_plugins_test_store_SOURCES = tests/plugins/test_store.c tests/plugins/store_rig.c tests/plugins/store_rig.h
tests_plugins_test_store_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/unit
tests_plugins_test_store_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_store_LDADD = $(CHECK_LIBS)

TESTS += tests/plugins/test_store
endif
