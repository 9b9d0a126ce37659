TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/.build-aux/tap-driver.sh
TEST_EXTENSIONS = .sh .py
LOG_DRIVER = $(TEST_LOG_DRIVER)
SH_LOG_DRIVER = $(TEST_LOG_DRIVER)
PY_LOG_DRIVER = $(TEST_LOG_DRIVER)

# Unit tests: one program for each group of modules, on core/libcore.a.
if TESTS_ENABLED
unit_tests = \
	tests/unit/test_api \
	tests/unit/test_base \
	tests/unit/test_canon \
	tests/unit/test_canon_content \
	tests/unit/test_canon_events \
	tests/unit/test_config \
	tests/unit/test_delivery \
	tests/unit/test_delivery_order \
	tests/unit/test_delivery_pace \
	tests/unit/test_envelope \
	tests/unit/test_ini \
	tests/unit/test_option \
	tests/unit/test_router \
	tests/unit/test_pace \
	tests/unit/test_seen \
	tests/unit/test_seqmap
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
unit_cppflags = $(core_libcore_a_CPPFLAGS) -I$(top_srcdir)/tests/unit
unit_cflags = $(core_libcore_a_CFLAGS) $(CHECK_CFLAGS)
unit_ldadd = $(core_libs) $(CHECK_LIBS)

tests_unit_test_api_SOURCES = tests/unit/test_api.c tests/unit/unit.h
tests_unit_test_api_CPPFLAGS = $(unit_cppflags)
tests_unit_test_api_CFLAGS = $(unit_cflags)
tests_unit_test_api_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_api_LDADD = $(unit_ldadd)

tests_unit_test_seqmap_SOURCES = tests/unit/test_seqmap.c tests/unit/unit.h
tests_unit_test_seqmap_CPPFLAGS = $(unit_cppflags)
tests_unit_test_seqmap_CFLAGS = $(unit_cflags)
tests_unit_test_seqmap_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_seqmap_LDADD = $(unit_ldadd)

tests_unit_test_base_SOURCES = tests/unit/test_base.c tests/unit/unit.h
tests_unit_test_base_CPPFLAGS = $(unit_cppflags)
tests_unit_test_base_CFLAGS = $(unit_cflags)
tests_unit_test_base_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_base_LDADD = $(unit_ldadd)

canon_rig = tests/unit/canon_rig.c tests/unit/canon_rig.h tests/unit/unit.h
tests_unit_test_canon_SOURCES = tests/unit/test_canon.c $(canon_rig)
tests_unit_test_canon_CPPFLAGS = $(unit_cppflags)
tests_unit_test_canon_CFLAGS = $(unit_cflags)
tests_unit_test_canon_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_canon_LDADD = sdk/libhswcanon.la $(unit_ldadd)

tests_unit_test_canon_content_SOURCES = tests/unit/test_canon_content.c $(canon_rig)
tests_unit_test_canon_content_CPPFLAGS = $(unit_cppflags)
tests_unit_test_canon_content_CFLAGS = $(unit_cflags) $(JSONC_CFLAGS)
tests_unit_test_canon_content_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_canon_content_LDADD = sdk/libhswcanon.la $(unit_ldadd) $(JSONC_LIBS)

tests_unit_test_canon_events_SOURCES = tests/unit/test_canon_events.c $(canon_rig)
tests_unit_test_canon_events_CPPFLAGS = $(unit_cppflags)
tests_unit_test_canon_events_CFLAGS = $(unit_cflags)
tests_unit_test_canon_events_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_canon_events_LDADD = sdk/libhswcanon.la $(unit_ldadd)

tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/unit.h
tests_unit_test_config_CPPFLAGS = $(unit_cppflags) -DBUILT_PLUGINS='"$(abs_top_builddir)/plugins/.libs"'
tests_unit_test_config_CFLAGS = $(unit_cflags)
tests_unit_test_config_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_config_LDADD = $(unit_ldadd)

tests_unit_test_delivery_SOURCES = tests/unit/test_delivery.c tests/unit/unit.h \
	tests/unit/delivery_rig.c tests/unit/delivery_rig.h \
	tests/unit/memory_store.c tests/unit/memory_store.h
tests_unit_test_delivery_CPPFLAGS = $(unit_cppflags)
tests_unit_test_delivery_CFLAGS = $(unit_cflags)
tests_unit_test_delivery_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_delivery_LDADD = $(unit_ldadd)

tests_unit_test_delivery_order_SOURCES = tests/unit/test_delivery_order.c tests/unit/unit.h \
	tests/unit/delivery_rig.c tests/unit/delivery_rig.h \
	tests/unit/memory_store.c tests/unit/memory_store.h
tests_unit_test_delivery_order_CPPFLAGS = $(unit_cppflags)
tests_unit_test_delivery_order_CFLAGS = $(unit_cflags)
tests_unit_test_delivery_order_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_delivery_order_LDADD = $(unit_ldadd)

tests_unit_test_delivery_pace_SOURCES = tests/unit/test_delivery_pace.c tests/unit/unit.h \
	tests/unit/delivery_rig.c tests/unit/delivery_rig.h \
	tests/unit/memory_store.c tests/unit/memory_store.h
tests_unit_test_delivery_pace_CPPFLAGS = $(unit_cppflags)
tests_unit_test_delivery_pace_CFLAGS = $(unit_cflags)
tests_unit_test_delivery_pace_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_delivery_pace_LDADD = $(unit_ldadd)

tests_unit_test_pace_SOURCES = tests/unit/test_pace.c tests/unit/unit.h
tests_unit_test_pace_CPPFLAGS = $(unit_cppflags)
tests_unit_test_pace_CFLAGS = $(unit_cflags)
tests_unit_test_pace_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_pace_LDADD = $(unit_ldadd)

tests_unit_test_envelope_SOURCES = tests/unit/test_envelope.c tests/unit/unit.h
tests_unit_test_envelope_CPPFLAGS = $(unit_cppflags)
tests_unit_test_envelope_CFLAGS = $(unit_cflags)
tests_unit_test_envelope_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_envelope_LDADD = $(unit_ldadd)

tests_unit_test_router_SOURCES = tests/unit/test_router.c tests/unit/unit.h
tests_unit_test_router_CPPFLAGS = $(unit_cppflags)
tests_unit_test_router_CFLAGS = $(unit_cflags)
tests_unit_test_router_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_router_LDADD = $(unit_ldadd)

tests_unit_test_seen_SOURCES = tests/unit/test_seen.c tests/unit/unit.h
tests_unit_test_seen_CPPFLAGS = $(unit_cppflags)
tests_unit_test_seen_CFLAGS = $(unit_cflags)
tests_unit_test_seen_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_seen_LDADD = $(unit_ldadd)

tests_unit_test_ini_SOURCES = tests/unit/test_ini.c tests/unit/unit.h
tests_unit_test_ini_CPPFLAGS = $(unit_cppflags)
tests_unit_test_ini_CFLAGS = $(unit_cflags)
tests_unit_test_ini_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_ini_LDADD = $(unit_ldadd)

tests_unit_test_option_SOURCES = tests/unit/test_option.c tests/unit/unit.h
tests_unit_test_option_CPPFLAGS = $(unit_cppflags)
tests_unit_test_option_CFLAGS = $(unit_cflags)
tests_unit_test_option_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_option_LDADD = $(unit_ldadd)

# Fuzzers, see `fuzzers` in Makefile.am.
FUZZERS += tests/fuzz/fuzz_source_evolution tests/fuzz/fuzz_ini tests/fuzz/fuzz_websocket
FUZZERS += tests/fuzz/fuzz_source_eazewa tests/fuzz/fuzz_source_whatsappweb
FUZZERS += tests/fuzz/fuzz_source_cloudapi tests/fuzz/fuzz_source_ryzeapi
FUZZERS += tests/fuzz/fuzz_source_gowa tests/fuzz/fuzz_source_waha tests/fuzz/fuzz_source_wuzapi
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_source_evolution_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_evolution_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_evolution_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_evolution_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_evolution_LDADD = $(plugins_source_evolution_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS)
tests_fuzz_fuzz_websocket_SOURCES = tests/fuzz/fuzz_websocket.c
tests_fuzz_fuzz_websocket_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/sink-websocket
tests_fuzz_fuzz_websocket_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_websocket_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_websocket_LDADD = $(plugins_sink_websocket_la_OBJECTS) $(WSLAY_LIBS)
tests_fuzz_fuzz_source_eazewa_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_eazewa_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_eazewa_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_eazewa_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_eazewa_LDADD = $(plugins_source_eazewa_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS)
tests_fuzz_fuzz_source_whatsappweb_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_whatsappweb_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_whatsappweb_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_whatsappweb_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_whatsappweb_LDADD = $(plugins_source_whatsappweb_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS)
tests_fuzz_fuzz_source_cloudapi_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_cloudapi_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_cloudapi_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_cloudapi_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_cloudapi_LDADD = $(plugins_source_cloudapi_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
tests_fuzz_fuzz_source_ryzeapi_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_ryzeapi_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_ryzeapi_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_ryzeapi_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_ryzeapi_LDADD = $(plugins_source_ryzeapi_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS)
tests_fuzz_fuzz_source_gowa_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_gowa_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_gowa_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_gowa_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_gowa_LDADD = $(plugins_source_gowa_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
tests_fuzz_fuzz_source_waha_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_waha_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_waha_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_waha_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_waha_LDADD = $(plugins_source_waha_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
tests_fuzz_fuzz_source_wuzapi_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_wuzapi_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_source_wuzapi_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_wuzapi_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_wuzapi_LDADD = $(plugins_source_wuzapi_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
if JQ_FOUND
FUZZERS += tests/fuzz/fuzz_source_map
endif
tests_fuzz_fuzz_source_map_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_fuzz_source_map_CPPFLAGS = $(unit_cppflags) -DFUZZ_PATH='"$(abs_top_srcdir)/tests/fuzz/source-map.ini"'
tests_fuzz_fuzz_source_map_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_source_map_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_map_LDADD = $(plugins_source_map_la_OBJECTS) sdk/libhswcanon.la $(JSONC_LIBS) \
	$(CRYPTO_LIBS) $(JQ_LIBS) -lpthread
EXTRA_DIST += tests/fuzz/source-map.ini
tests_fuzz_fuzz_ini_SOURCES = tests/fuzz/fuzz_ini.c
tests_fuzz_fuzz_ini_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_ini_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_ini_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_ini_LDADD = $(core_libs)

TESTS += \
	tests/lint/abi.sh \
	tests/lint/abidiff.sh \
	tests/lint/exports.sh \
	tests/lint/headers.sh \
	tests/lint/layers.sh \
	tests/lint/options.sh \
	tests/lint/schema.py
EXTRA_DIST += \
	tests/abi tests/lint/abidiff.sh \
	tests/lint/abi.c tests/lint/abi.sh tests/lint/exports.sh tests/lint/headers.sh tests/lint/layers.sh tests/lint/options.sh \
	tests/lint/schema.py tests/fixtures tests/integration
AM_TESTS_ENVIRONMENT = HOOKSWITCH_BUILD='$(abs_top_builddir)' HOOKSWITCH_SOURCE='$(abs_top_srcdir)' \
	CC='$(CC)'; export HOOKSWITCH_BUILD HOOKSWITCH_SOURCE CC;

include tests/plugins/local.mk
