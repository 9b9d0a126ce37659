plugin_LTLIBRARIES += plugins/sink-file.la
plugins_sink_file_la_SOURCES = \
	plugins/sink-file/disk.c plugins/sink-file/disk.h \
	plugins/sink-file/file.c \
	plugins/sink-file/files.c \
	plugins/sink-file/gzip.c plugins/sink-file/gzip.h \
	plugins/sink-file/keeper.c plugins/sink-file/keeper.h \
	plugins/sink-file/owner.c plugins/sink-file/owner.h \
	plugins/sink-file/pattern.c plugins/sink-file/pattern.h \
	plugins/sink-file/queue.c plugins/sink-file/queue.h plugins/sink-file/queue_impl.h \
	plugins/sink-file/queue_sync.c plugins/sink-file/queue_write.c \
	plugins/sink-file/rotate.c \
	plugins/sink-file/syncer.c plugins/sink-file/syncer.h \
	plugins/common/thread.c plugins/common/thread.h
plugins_sink_file_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_sink_file_la_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
plugins_sink_file_la_LDFLAGS = $(plugin_ldflags)
plugins_sink_file_la_LIBADD = $(ZLIB_LIBS) -lpthread
EXTRA_DIST += plugins/sink-file/README
