plugin_LTLIBRARIES += plugins/source-evolution.la
plugins_source_evolution_la_SOURCES = \
	plugins/source-evolution/call.c \
	plugins/source-evolution/content.c \
	plugins/source-evolution/context.c \
	plugins/source-evolution/evolution.c plugins/source-evolution/evolution.h \
	plugins/source-evolution/group.c \
	plugins/source-evolution/instance.c \
	plugins/source-evolution/media.c \
	plugins/source-evolution/message.c \
	plugins/source-evolution/update.c \
	plugins/source-evolution/who.c \
	plugins/source-evolution/words.c
plugins_source_evolution_la_CPPFLAGS = $(plugin_cppflags)
plugins_source_evolution_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
plugins_source_evolution_la_LDFLAGS = $(plugin_ldflags)
plugins_source_evolution_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS)
EXTRA_DIST += plugins/source-evolution/README
EXTRA_DIST += tests/fixtures/evolution tests/fixtures/source-evolution.cases.json

events_sources = tests/plugins/events.c tests/plugins/events.h
events_cppflags = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/unit

if TESTS_ENABLED
check_PROGRAMS += tests/plugins/test_source_evolution tests/plugins/translate
TESTS += tests/plugins/test_source_evolution
tests_plugins_test_source_evolution_SOURCES = \
	tests/plugins/test_source_evolution.c $(events_sources) tests/unit/unit.h
tests_plugins_test_source_evolution_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_evolution_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_evolution_LDADD = $(JSONC_LIBS) $(CHECK_LIBS)

tests_plugins_translate_SOURCES = tests/plugins/translate.c $(events_sources)
tests_plugins_translate_CPPFLAGS = $(events_cppflags)
tests_plugins_translate_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
tests_plugins_translate_LDADD = $(JSONC_LIBS)
endif

FUZZERS += tests/fuzz/fuzz_source_evolution
tests_fuzz_fuzz_source_evolution_SOURCES = \
	tests/fuzz/fuzz_source_evolution.c $(plugins_source_evolution_la_SOURCES)
tests_fuzz_fuzz_source_evolution_CPPFLAGS = $(plugin_cppflags)
tests_fuzz_fuzz_source_evolution_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
tests_fuzz_fuzz_source_evolution_LDFLAGS = -fsanitize=fuzzer
tests_fuzz_fuzz_source_evolution_LDADD = sdk/libhswcanon.la $(JSONC_LIBS)
