# The library that every source uses; see hookswitch/canon.h.
noinst_LTLIBRARIES = sdk/libhswcanon.la
sdk_libhswcanon_la_SOURCES = \
	sdk/canon/base64.c \
	sdk/canon/canon.c \
	sdk/canon/canon_json.c \
	sdk/canon/event.c \
	sdk/canon/identity.c \
	sdk/canon/message.c
sdk_libhswcanon_la_CPPFLAGS = -I$(top_srcdir)/sdk -D_GNU_SOURCE
sdk_libhswcanon_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
sdk_libhswcanon_la_LIBADD = $(JSONC_LIBS)

if TESTS_ENABLED
canon_tests = tests/unit/test_canon tests/unit/test_canon_events
check_PROGRAMS += $(canon_tests)
TESTS += $(canon_tests)
canon_rig = tests/unit/canon_rig.c tests/unit/canon_rig.h tests/unit/unit.h
tests_unit_test_canon_SOURCES = tests/unit/test_canon.c $(canon_rig)
tests_unit_test_canon_CPPFLAGS = -I$(top_srcdir)/sdk
tests_unit_test_canon_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_canon_LDADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CHECK_LIBS)
tests_unit_test_canon_events_SOURCES = tests/unit/test_canon_events.c $(canon_rig)
tests_unit_test_canon_events_CPPFLAGS = -I$(top_srcdir)/sdk
tests_unit_test_canon_events_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_canon_events_LDADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CHECK_LIBS)
endif
