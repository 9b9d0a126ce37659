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
	plugins/source-eazewa/words.c
plugins_source_eazewa_la_CPPFLAGS = $(plugin_cppflags)
plugins_source_eazewa_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
plugins_source_eazewa_la_LDFLAGS = $(plugin_ldflags)
plugins_source_eazewa_la_LIBADD = sdk/libhswcanon.la $(JSONC_LIBS)
EXTRA_DIST += plugins/source-eazewa/README
