plugin_LTLIBRARIES += plugins/source-ryzeapi.la
plugins_source_ryzeapi_la_SOURCES = \
	plugins/source-ryzeapi/content.c \
	plugins/source-ryzeapi/events.c \
	plugins/source-ryzeapi/members.c \
	plugins/source-ryzeapi/message.c \
	plugins/source-ryzeapi/ryzeapi.c plugins/source-ryzeapi/ryzeapi.h \
	plugins/common/handle.c plugins/common/handle.h
plugins_source_ryzeapi_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_ryzeapi_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
plugins_source_ryzeapi_la_LDFLAGS = $(plugin_ldflags)
plugins_source_ryzeapi_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS)
EXTRA_DIST += plugins/source-ryzeapi/README
