plugin_LTLIBRARIES += plugins/source-evolution.la
plugins_source_evolution_la_SOURCES = plugins/source-evolution/evolution.c
plugins_source_evolution_la_CPPFLAGS = $(plugin_cppflags)
plugins_source_evolution_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
plugins_source_evolution_la_LDFLAGS = $(plugin_ldflags)
plugins_source_evolution_la_LIBADD = $(JSONC_LIBS)
EXTRA_DIST += plugins/source-evolution/README
