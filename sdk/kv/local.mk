# What a store on an ordered map of bytes is made with (hookswitch/kv.h); `pkg-config --libs hookswitch` has it, too.
lib_LIBRARIES += sdk/libhswkv.a
sdk_libhswkv_a_SOURCES = \
	sdk/kv/again.c \
	sdk/kv/code.c \
	sdk/kv/code.h \
	sdk/kv/commit.c \
	sdk/kv/dead.c \
	sdk/kv/destinations.c \
	sdk/kv/exceptions.c \
	sdk/kv/list.c \
	sdk/kv/list.h \
	sdk/kv/log.c \
	sdk/kv/map.c \
	sdk/kv/map.h \
	sdk/kv/prune.c \
	sdk/kv/records.c
sdk_libhswkv_a_CPPFLAGS = -I$(top_srcdir)/sdk -D_GNU_SOURCE
sdk_libhswkv_a_CFLAGS = $(AM_CFLAGS) -fPIC -fvisibility=hidden
