plugin_LTLIBRARIES += plugins/sink-file.la
plugins_sink_file_la_SOURCES = plugins/sink-file/file.c plugins/sink-file/file.h \
	plugins/sink-file/output.c \
	plugins/sink-file/path.c
plugins_sink_file_la_CPPFLAGS = $(plugin_cppflags)
plugins_sink_file_la_CFLAGS = $(AM_CFLAGS)
plugins_sink_file_la_LDFLAGS = $(plugin_ldflags)
plugins_sink_file_la_LIBADD = -lpthread
EXTRA_DIST += plugins/sink-file/README
