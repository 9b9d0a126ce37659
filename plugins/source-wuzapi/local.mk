plugin_LTLIBRARIES += plugins/source-wuzapi.la
plugins_source_wuzapi_la_SOURCES = $(plugin_frame) \
	plugins/source-wuzapi/event.c \
	plugins/source-wuzapi/form.c \
	plugins/source-wuzapi/group.c \
	plugins/source-wuzapi/message.c \
	plugins/source-wuzapi/state.c \
	plugins/source-wuzapi/wuzapi.c plugins/source-wuzapi/wuzapi.h
plugins_source_wuzapi_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_wuzapi_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_wuzapi_la_LDFLAGS = $(plugin_ldflags)
plugins_source_wuzapi_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += plugins/source-wuzapi/README
