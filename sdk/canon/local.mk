# The library that every source uses; see hookswitch/canon.h.
noinst_LTLIBRARIES = sdk/libhswcanon.la
sdk_libhswcanon_la_SOURCES = \
	sdk/canon/canon.c \
	sdk/canon/canon_json.c \
	sdk/canon/identity.c
sdk_libhswcanon_la_CPPFLAGS = -I$(top_srcdir)/sdk
sdk_libhswcanon_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
sdk_libhswcanon_la_LIBADD = $(JSONC_LIBS)
