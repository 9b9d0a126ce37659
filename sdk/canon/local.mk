# The library that every source uses; see hookswitch/canon.h.
noinst_LTLIBRARIES = sdk/libhswcanon.la
sdk_libhswcanon_la_SOURCES = \
	sdk/canon/base64.c \
	sdk/canon/camel.c \
	sdk/canon/canon.c \
	sdk/canon/canon_json.c \
	sdk/canon/change.c \
	sdk/canon/content.c \
	sdk/canon/context.c \
	sdk/canon/event.c \
	sdk/canon/identity.c \
	sdk/canon/media.c \
	sdk/canon/message.c
sdk_libhswcanon_la_CPPFLAGS = -I$(top_srcdir)/sdk -D_GNU_SOURCE
sdk_libhswcanon_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
sdk_libhswcanon_la_LIBADD = $(JSONC_LIBS)

# The same for plugins that are built elsewhere: `pkg-config --libs hookswitch`.
lib_LIBRARIES = sdk/libhswcanon.a
sdk_libhswcanon_a_SOURCES = $(sdk_libhswcanon_la_SOURCES)
sdk_libhswcanon_a_CPPFLAGS = $(sdk_libhswcanon_la_CPPFLAGS)
sdk_libhswcanon_a_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) -fPIC
