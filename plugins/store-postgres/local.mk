if PQ_FOUND
plugin_LTLIBRARIES += plugins/store-postgres.la
postgres_sources = \
	plugins/common/names.c plugins/common/names.h \
	plugins/common/prune_tour.c plugins/common/prune_tour.h \
	plugins/store-postgres/append.c \
	plugins/store-postgres/array.c \
	plugins/store-postgres/commit.c \
	plugins/store-postgres/destinations.c \
	plugins/store-postgres/error.c \
	plugins/store-postgres/exceptions.c \
	plugins/store-postgres/lock.c \
	plugins/store-postgres/node.c \
	plugins/store-postgres/node_beat.c \
	plugins/store-postgres/postgres.c \
	plugins/store-postgres/prune.c \
	plugins/store-postgres/usage.c \
	plugins/store-postgres/query.c \
	plugins/store-postgres/read.c \
	plugins/store-postgres/records.c \
	plugins/store-postgres/schema.c \
	plugins/store-postgres/session.c \
	plugins/store-postgres/share.c \
	plugins/store-postgres/statements.c \
	plugins/store-postgres/takeover.c \
	plugins/store-postgres/node.h \
	plugins/store-postgres/node_impl.h \
	plugins/store-postgres/postgres.h \
	plugins/store-postgres/share.h
plugins_store_postgres_la_SOURCES = $(postgres_sources)
plugins_store_postgres_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_store_postgres_la_CFLAGS = $(AM_CFLAGS) $(PQ_CFLAGS)
plugins_store_postgres_la_LDFLAGS = $(plugin_ldflags)
plugins_store_postgres_la_LIBADD = $(PQ_LIBS)
endif
EXTRA_DIST += plugins/store-postgres/README
