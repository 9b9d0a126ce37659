plugin_LTLIBRARIES += plugins/store-sqlite.la
plugins_store_sqlite_la_SOURCES = \
	plugins/common/names.c plugins/common/names.h \
	plugins/common/prune_tour.c plugins/common/prune_tour.h \
	plugins/store-sqlite/commit.c \
	plugins/store-sqlite/db.c \
	plugins/store-sqlite/destinations.c \
	plugins/store-sqlite/exceptions.c \
	plugins/store-sqlite/file.c \
	plugins/store-sqlite/memos.c \
	plugins/store-sqlite/prune.c \
	plugins/store-sqlite/read.c \
	plugins/store-sqlite/records.c \
	plugins/store-sqlite/schema.c \
	plugins/store-sqlite/sqlite.c \
	plugins/store-sqlite/sqlite.h
plugins_store_sqlite_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_store_sqlite_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
plugins_store_sqlite_la_LDFLAGS = $(plugin_ldflags)
plugins_store_sqlite_la_LIBADD = $(SQLITE_LIBS)
EXTRA_DIST += plugins/store-sqlite/README
