plugin_LTLIBRARIES += plugins/store-sqlite.la
plugins_store_sqlite_la_SOURCES = \
	plugins/store-sqlite/dead.c \
	plugins/store-sqlite/read.c \
	plugins/store-sqlite/schema.c \
	plugins/store-sqlite/sqlite.c \
	plugins/store-sqlite/sqlite.h \
	plugins/store-sqlite/write.c
plugins_store_sqlite_la_CPPFLAGS = $(plugin_cppflags)
plugins_store_sqlite_la_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS)
plugins_store_sqlite_la_LDFLAGS = $(plugin_ldflags)
plugins_store_sqlite_la_LIBADD = $(SQLITE_LIBS)
EXTRA_DIST += plugins/store-sqlite/README
