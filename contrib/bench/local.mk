# Measures; see README. Not part of `make check`.
noinst_PROGRAMS += contrib/bench/hookswitch-bench
contrib_bench_hookswitch_bench_SOURCES = \
	contrib/bench/bench.c contrib/bench/bench.h \
	contrib/bench/daemon.c \
	contrib/bench/histogram.c \
	contrib/bench/load.c \
	contrib/bench/ws.c
contrib_bench_hookswitch_bench_CPPFLAGS = -D_GNU_SOURCE
contrib_bench_hookswitch_bench_CFLAGS = $(AM_CFLAGS) $(HSW_PROGRAM_CFLAGS)
contrib_bench_hookswitch_bench_LDFLAGS = $(AM_LDFLAGS) $(HSW_PROGRAM_LDFLAGS)
EXTRA_DIST += contrib/bench/README

.PHONY: bench
bench: hookswitch contrib/bench/hookswitch-bench $(plugin_LTLIBRARIES)
	contrib/bench/hookswitch-bench --json bench.json
CLEANFILES += bench.json

# One plugin, one core: hookswitch-bench-translate plugins/.libs/source-evolution.so BODY.json
noinst_PROGRAMS += contrib/bench/hookswitch-bench-translate
contrib_bench_hookswitch_bench_translate_SOURCES = contrib/bench/translate.c
contrib_bench_hookswitch_bench_translate_CPPFLAGS = -I$(top_srcdir)/sdk
contrib_bench_hookswitch_bench_translate_CFLAGS = $(AM_CFLAGS) $(HSW_PROGRAM_CFLAGS)
contrib_bench_hookswitch_bench_translate_LDFLAGS = $(AM_LDFLAGS) $(HSW_PROGRAM_LDFLAGS)
