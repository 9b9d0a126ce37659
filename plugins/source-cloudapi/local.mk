plugin_LTLIBRARIES += plugins/source-cloudapi.la
plugins_source_cloudapi_la_SOURCES = \
	plugins/source-cloudapi/call.c \
	plugins/source-cloudapi/cloudapi.c plugins/source-cloudapi/cloudapi.h \
	plugins/source-cloudapi/content.c \
	plugins/source-cloudapi/context.c \
	plugins/source-cloudapi/group.c \
	plugins/source-cloudapi/message.c \
	plugins/source-cloudapi/proof.c \
	plugins/source-cloudapi/status.c \
	plugins/source-cloudapi/who.c \
	plugins/source-cloudapi/words.c
plugins_source_cloudapi_la_CPPFLAGS = $(plugin_cppflags)
plugins_source_cloudapi_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_cloudapi_la_LDFLAGS = $(plugin_ldflags)
plugins_source_cloudapi_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += plugins/source-cloudapi/README
