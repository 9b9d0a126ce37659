plugin_LTLIBRARIES += plugins/source-eazewa.la
plugins_source_eazewa_la_SOURCES = \
	plugins/source-eazewa/change.c \
	plugins/source-eazewa/content.c \
	plugins/source-eazewa/eazewa.c plugins/source-eazewa/eazewa.h \
	plugins/source-eazewa/group.c \
	plugins/source-eazewa/instance.c \
	plugins/source-eazewa/key.c \
	plugins/source-eazewa/media.c \
	plugins/source-eazewa/message.c \
	plugins/source-eazewa/view.c \
	plugins/common/handle.c plugins/common/handle.h \
	plugins/common/secret.c plugins/common/secret.h \
	plugins/common/words.c plugins/common/words.h
plugins_source_eazewa_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_source_eazewa_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
plugins_source_eazewa_la_LDFLAGS = $(plugin_ldflags)
plugins_source_eazewa_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS)
EXTRA_DIST += plugins/source-eazewa/README
