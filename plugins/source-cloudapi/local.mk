plugin_LTLIBRARIES += plugins/source-cloudapi.la
plugins_source_cloudapi_la_SOURCES = \
	plugins/source-cloudapi/call.c \
	plugins/source-cloudapi/cloudapi.c plugins/source-cloudapi/cloudapi.h \
	plugins/source-cloudapi/content.c \
	plugins/source-cloudapi/context.c \
	plugins/source-cloudapi/group.c \
	plugins/source-cloudapi/message.c \
	plugins/source-cloudapi/numbers.c \
	plugins/source-cloudapi/query.c \
	plugins/source-cloudapi/status.c \
	plugins/source-cloudapi/who.c \
	plugins/common/handle.c plugins/common/handle.h \
	plugins/common/secret.c plugins/common/secret.h \
	plugins/common/signature.c plugins/common/signature.h \
	plugins/common/words.c plugins/common/words.h
plugins_source_cloudapi_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_cloudapi_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
plugins_source_cloudapi_la_LDFLAGS = $(plugin_ldflags)
plugins_source_cloudapi_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
EXTRA_DIST += plugins/source-cloudapi/README
