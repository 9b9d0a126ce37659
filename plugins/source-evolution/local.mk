plugin_LTLIBRARIES += plugins/source-evolution.la
plugins_source_evolution_la_SOURCES = \
	plugins/source-evolution/call.c \
	plugins/source-evolution/evolution.c plugins/source-evolution/evolution.h \
	plugins/source-evolution/group.c \
	plugins/source-evolution/instance.c \
	plugins/source-evolution/label.c \
	plugins/source-evolution/message.c \
	plugins/source-evolution/update.c \
	plugins/source-evolution/who.c \
	plugins/common/secret.c plugins/common/secret.h \
	plugins/common/words.c plugins/common/words.h
plugins_source_evolution_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_evolution_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
plugins_source_evolution_la_LDFLAGS = $(plugin_ldflags)
plugins_source_evolution_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS)
EXTRA_DIST += plugins/source-evolution/README
