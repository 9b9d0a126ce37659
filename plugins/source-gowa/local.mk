plugin_LTLIBRARIES += plugins/source-gowa.la
plugins_source_gowa_la_SOURCES = $(plugin_frame) \
	plugins/source-gowa/content.c \
	plugins/source-gowa/gowa.c plugins/source-gowa/gowa.h \
	plugins/source-gowa/message.c
plugins_source_gowa_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_gowa_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_gowa_la_LDFLAGS = $(plugin_ldflags)
plugins_source_gowa_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += plugins/source-gowa/README
