if JQ_FOUND
plugin_LTLIBRARIES += plugins/source-map.la
plugins_source_map_la_SOURCES = \
	plugins/source-map/canonical.c plugins/source-map/canonical.h \
	plugins/common/expression.c plugins/common/expression.h \
	plugins/source-map/file.c plugins/source-map/file.h \
	plugins/source-map/form.c plugins/source-map/form.h \
	plugins/source-map/map.c \
	plugins/source-map/message.c \
	plugins/source-map/program.c plugins/source-map/program.h \
	plugins/source-map/schema.c plugins/source-map/schema.h \
	plugins/source-map/signature.c plugins/source-map/signature.h \
	plugins/source-map/value.c plugins/source-map/value.h \
	plugins/common/watchdog.c plugins/common/watchdog.h
plugins_source_map_la_CPPFLAGS = $(plugin_cppflags)
plugins_source_map_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS) -pthread
plugins_source_map_la_LDFLAGS = $(plugin_ldflags)
plugins_source_map_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS) $(JQ_LIBS) -lpthread
endif
EXTRA_DIST += plugins/source-map/README
