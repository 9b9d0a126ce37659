plugin_LTLIBRARIES += plugins/source-whatsappweb.la
plugins_source_whatsappweb_la_SOURCES = plugins/source-whatsappweb/whatsappweb.c \
	plugins/common/handle.c plugins/common/handle.h \
	plugins/common/words.c plugins/common/words.h
plugins_source_whatsappweb_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_whatsappweb_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
plugins_source_whatsappweb_la_LDFLAGS = $(plugin_ldflags)
plugins_source_whatsappweb_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS)
EXTRA_DIST += plugins/source-whatsappweb/README
