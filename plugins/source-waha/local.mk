plugin_LTLIBRARIES += plugins/source-waha.la
plugins_source_waha_la_SOURCES = $(plugin_frame) \
	plugins/source-waha/engine.c \
	plugins/source-waha/group.c \
	plugins/source-waha/id.c \
	plugins/source-waha/message.c \
	plugins/source-waha/shape.c \
	plugins/source-waha/waha.c plugins/source-waha/waha.h
plugins_source_waha_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_waha_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_waha_la_LDFLAGS = $(plugin_ldflags)
plugins_source_waha_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += plugins/source-waha/README
