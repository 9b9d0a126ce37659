# llhttp comes as C sources; compile a linked copy so that its objects are ours.
noinst_LIBRARIES += core/libllhttp.a
nodist_core_libllhttp_a_SOURCES = core/llhttp/llhttp.c core/llhttp/api.c core/llhttp/http.c
core_libllhttp_a_CPPFLAGS = $(LLHTTP_CFLAGS)
core_libllhttp_a_CFLAGS = $(HSW_PROGRAM_CFLAGS) -w
core/llhttp/%.c: $(LLHTTP_DIR)/%.c
	$(AM_V_GEN)$(MKDIR_P) core/llhttp && $(LN_S) -f $< $@
CLEANFILES += $(nodist_core_libllhttp_a_SOURCES)

noinst_LIBRARIES += core/libcore.a
core_libcore_a_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_DIR='"$(plugindir)"' -DSYSCONF_DIR='"$(sysconfdir)"' -DLOCALSTATE_DIR='"$(localstatedir)"'
core_libcore_a_CFLAGS = $(AM_CFLAGS) $(HSW_PROGRAM_CFLAGS) $(EVENT_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS) $(LLHTTP_CFLAGS)
core_libcore_a_SOURCES =

bin_PROGRAMS += hookswitch
hookswitch_SOURCES = core/main.c
hookswitch_CPPFLAGS = $(core_libcore_a_CPPFLAGS)
hookswitch_CFLAGS = $(core_libcore_a_CFLAGS)
hookswitch_LDFLAGS = $(AM_LDFLAGS) $(HSW_PROGRAM_LDFLAGS)
core_libs = core/libcore.a core/libllhttp.a $(EVENT_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) -lpthread
hookswitch_LDADD = $(core_libs)
