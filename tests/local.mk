TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/.build-aux/tap-driver.sh
TEST_EXTENSIONS = .sh .py
LOG_DRIVER = $(TEST_LOG_DRIVER)
SH_LOG_DRIVER = $(TEST_LOG_DRIVER)
PY_LOG_DRIVER = $(TEST_LOG_DRIVER)

# Unit tests: one program for each group of modules, on core/libcore.a.
if TESTS_ENABLED
unit_tests = \
	tests/unit/test_record \
	tests/unit/test_secret \
	tests/unit/test_pump \
	tests/unit/test_ws_client \
	tests/unit/test_shown \
	tests/unit/test_health \
	tests/unit/test_http \
	tests/unit/test_client \
	tests/unit/test_address \
	tests/unit/test_api \
	tests/unit/test_base \
	tests/unit/test_canon \
	tests/unit/test_canon_content \
	tests/unit/test_canon_events \
	tests/unit/test_config \
	tests/unit/test_attempts \
	tests/unit/test_delivery \
	tests/unit/test_delivery_order \
	tests/unit/test_delivery_pace \
	tests/unit/test_envelope \
	tests/unit/test_raw \
	tests/unit/test_ini \
	tests/unit/test_kv_code \
	tests/unit/test_kv_store \
	tests/unit/test_option \
	tests/unit/test_origin \
	tests/unit/test_router \
	tests/unit/test_pace \
	tests/unit/test_prune \
	tests/unit/test_gaps \
	tests/unit/test_retain \
	tests/unit/test_seen \
	tests/unit/test_seqmap \
	tests/unit/test_shown
check_PROGRAMS += $(unit_tests)
check_PROGRAMS += tests/unit/secret_branches
TESTS += $(unit_tests) tests/unit/secret_branches.sh
endif
EXTRA_DIST += tests/unit/secret_branches.sh
unit_cppflags = $(core_libcore_a_CPPFLAGS) -I$(top_srcdir)/tests/unit
unit_cflags = $(core_libcore_a_CFLAGS) $(CHECK_CFLAGS)
unit_ldadd = $(core_libs) $(CHECK_LIBS)

tests_unit_test_address_SOURCES = tests/unit/test_address.c tests/unit/unit.h
tests_unit_test_address_CPPFLAGS = $(unit_cppflags)
tests_unit_test_address_CFLAGS = $(unit_cflags)
tests_unit_test_address_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_address_LDADD = $(unit_ldadd)

tests_unit_test_api_SOURCES = tests/unit/test_api.c tests/unit/unit.h
tests_unit_test_api_CPPFLAGS = $(unit_cppflags)
tests_unit_test_api_CFLAGS = $(unit_cflags)
tests_unit_test_api_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_api_LDADD = $(unit_ldadd)

secret_sources = plugins/common/secret.c plugins/common/secret.h
secret_cppflags = $(unit_cppflags) -I$(top_srcdir)/plugins/common
tests_unit_test_secret_SOURCES = tests/unit/test_secret.c tests/unit/unit.h $(secret_sources)
tests_unit_test_secret_CPPFLAGS = $(secret_cppflags)
tests_unit_test_secret_CFLAGS = $(unit_cflags)
tests_unit_test_secret_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_secret_LDADD = $(unit_ldadd)

tests_unit_secret_branches_SOURCES = tests/unit/secret_branches.c $(secret_sources)
tests_unit_secret_branches_CPPFLAGS = $(secret_cppflags)
tests_unit_secret_branches_CFLAGS = $(unit_cflags)
tests_unit_secret_branches_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_secret_branches_LDADD = $(unit_ldadd)

tests_unit_test_seqmap_SOURCES = tests/unit/test_seqmap.c tests/unit/unit.h
tests_unit_test_seqmap_CPPFLAGS = $(unit_cppflags)
tests_unit_test_seqmap_CFLAGS = $(unit_cflags)
tests_unit_test_seqmap_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_seqmap_LDADD = $(unit_ldadd)

tests_unit_test_shown_SOURCES = tests/unit/test_shown.c tests/unit/unit.h
tests_unit_test_shown_CPPFLAGS = $(unit_cppflags)
tests_unit_test_shown_CFLAGS = $(unit_cflags)
tests_unit_test_shown_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_shown_LDADD = $(unit_ldadd)

tests_unit_test_base_SOURCES = tests/unit/test_base.c tests/unit/unit.h
tests_unit_test_base_CPPFLAGS = $(unit_cppflags)
tests_unit_test_base_CFLAGS = $(unit_cflags)
tests_unit_test_base_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_base_LDADD = $(unit_ldadd)

# What several tests use.
if TESTS_ENABLED
check_LIBRARIES += tests/unit/librig.a
tests_unit_librig_a_SOURCES = \
	tests/unit/canon_rig.c tests/unit/canon_rig.h \
	tests/unit/delivery_rig.c tests/unit/delivery_rig.h \
	tests/unit/memory_store.c tests/unit/memory_store.h tests/unit/unit.h
tests_unit_librig_a_CPPFLAGS = $(unit_cppflags)
tests_unit_librig_a_CFLAGS = $(unit_cflags)
endif
rig_ldadd = tests/unit/librig.a $(unit_ldadd)

tests_unit_test_canon_SOURCES = tests/unit/test_canon.c tests/unit/unit.h
tests_unit_test_canon_CPPFLAGS = $(unit_cppflags)
tests_unit_test_canon_CFLAGS = $(unit_cflags)
tests_unit_test_canon_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_canon_LDADD = tests/unit/librig.a sdk/libhswcanon.la $(unit_ldadd)

tests_unit_test_canon_content_SOURCES = tests/unit/test_canon_content.c tests/unit/unit.h
tests_unit_test_canon_content_CPPFLAGS = $(unit_cppflags)
tests_unit_test_canon_content_CFLAGS = $(unit_cflags) $(JSONC_CFLAGS)
tests_unit_test_canon_content_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_canon_content_LDADD = tests/unit/librig.a sdk/libhswcanon.la $(unit_ldadd) $(JSONC_LIBS)

tests_unit_test_canon_events_SOURCES = tests/unit/test_canon_events.c tests/unit/unit.h
tests_unit_test_canon_events_CPPFLAGS = $(unit_cppflags)
tests_unit_test_canon_events_CFLAGS = $(unit_cflags)
tests_unit_test_canon_events_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_canon_events_LDADD = tests/unit/librig.a sdk/libhswcanon.la $(unit_ldadd)

tests_unit_test_kv_code_SOURCES = tests/unit/test_kv_code.c tests/unit/unit.h
tests_unit_test_kv_code_CPPFLAGS = $(unit_cppflags)
tests_unit_test_kv_code_CFLAGS = $(unit_cflags)
tests_unit_test_kv_code_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_kv_code_LDADD = sdk/libhswkv.a $(unit_ldadd)

tests_unit_test_kv_store_SOURCES = tests/unit/test_kv_store.c tests/unit/unit.h
tests_unit_test_kv_store_CPPFLAGS = $(unit_cppflags)
tests_unit_test_kv_store_CFLAGS = $(unit_cflags)
tests_unit_test_kv_store_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_kv_store_LDADD = sdk/libhswkv.a $(unit_ldadd)

tests_unit_test_config_SOURCES = tests/unit/test_config.c tests/unit/unit.h
tests_unit_test_config_CPPFLAGS = $(unit_cppflags) -DBUILT_PLUGINS='"$(abs_top_builddir)/plugins/.libs"'
tests_unit_test_config_CFLAGS = $(unit_cflags)
tests_unit_test_config_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_config_LDADD = $(unit_ldadd)

tests_unit_test_delivery_SOURCES = tests/unit/test_delivery.c tests/unit/unit.h
tests_unit_test_delivery_CPPFLAGS = $(unit_cppflags)
tests_unit_test_delivery_CFLAGS = $(unit_cflags)
tests_unit_test_delivery_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_delivery_LDADD = $(rig_ldadd)

tests_unit_test_delivery_order_SOURCES = tests/unit/test_delivery_order.c tests/unit/unit.h
tests_unit_test_delivery_order_CPPFLAGS = $(unit_cppflags)
tests_unit_test_delivery_order_CFLAGS = $(unit_cflags)
tests_unit_test_delivery_order_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_delivery_order_LDADD = $(rig_ldadd)

tests_unit_test_delivery_pace_SOURCES = tests/unit/test_delivery_pace.c tests/unit/unit.h
tests_unit_test_delivery_pace_CPPFLAGS = $(unit_cppflags)
tests_unit_test_delivery_pace_CFLAGS = $(unit_cflags)
tests_unit_test_delivery_pace_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_delivery_pace_LDADD = $(rig_ldadd)

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

tests_unit_test_attempts_SOURCES = tests/unit/test_attempts.c tests/unit/unit.h
tests_unit_test_attempts_CPPFLAGS = $(unit_cppflags)
tests_unit_test_attempts_CFLAGS = $(unit_cflags)
tests_unit_test_attempts_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_attempts_LDADD = $(unit_ldadd)

tests_unit_test_raw_SOURCES = tests/unit/test_raw.c tests/unit/unit.h
tests_unit_test_raw_CPPFLAGS = $(unit_cppflags)
tests_unit_test_raw_CFLAGS = $(unit_cflags)
tests_unit_test_raw_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_raw_LDADD = $(unit_ldadd)

tests_unit_test_router_SOURCES = tests/unit/test_router.c tests/unit/unit.h
tests_unit_test_router_CPPFLAGS = $(unit_cppflags)
tests_unit_test_router_CFLAGS = $(unit_cflags)
tests_unit_test_router_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_router_LDADD = $(unit_ldadd)

tests_unit_test_prune_SOURCES = tests/unit/test_prune.c tests/unit/unit.h
tests_unit_test_prune_CPPFLAGS = $(unit_cppflags)
tests_unit_test_prune_CFLAGS = $(unit_cflags)
tests_unit_test_prune_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_prune_LDADD = $(unit_ldadd)

tests_unit_test_health_SOURCES = tests/unit/test_health.c tests/unit/unit.h
tests_unit_test_health_CPPFLAGS = $(unit_cppflags)
tests_unit_test_health_CFLAGS = $(unit_cflags)
tests_unit_test_health_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_health_LDADD = $(unit_ldadd)

tests_unit_test_gaps_SOURCES = tests/unit/test_gaps.c tests/unit/unit.h
tests_unit_test_gaps_CPPFLAGS = $(unit_cppflags)
tests_unit_test_gaps_CFLAGS = $(unit_cflags)
tests_unit_test_gaps_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_gaps_LDADD = $(unit_ldadd)

tests_unit_test_retain_SOURCES = tests/unit/test_retain.c tests/unit/unit.h
tests_unit_test_retain_CPPFLAGS = $(unit_cppflags)
tests_unit_test_retain_CFLAGS = $(unit_cflags)
tests_unit_test_retain_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_retain_LDADD = $(unit_ldadd)

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
tests_unit_test_origin_SOURCES = tests/unit/test_origin.c tests/unit/unit.h
tests_unit_test_origin_CPPFLAGS = $(unit_cppflags)
tests_unit_test_origin_CFLAGS = $(unit_cflags)
tests_unit_test_origin_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_origin_LDADD = $(unit_ldadd)

tests_unit_test_http_SOURCES = tests/unit/test_http.c tests/unit/unit.h
tests_unit_test_http_CPPFLAGS = $(unit_cppflags)
tests_unit_test_http_CFLAGS = $(unit_cflags)
tests_unit_test_http_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_http_LDADD = $(unit_ldadd)

tests_unit_test_client_SOURCES = tests/unit/test_client.c tests/unit/unit.h
tests_unit_test_client_CPPFLAGS = $(unit_cppflags)
tests_unit_test_client_CFLAGS = $(unit_cflags)
tests_unit_test_client_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_client_LDADD = $(unit_ldadd)

tests_unit_test_ws_client_SOURCES = tests/unit/test_ws_client.c tests/unit/unit.h
tests_unit_test_ws_client_CPPFLAGS = $(unit_cppflags)
tests_unit_test_ws_client_CFLAGS = $(unit_cflags)
tests_unit_test_ws_client_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_ws_client_LDADD = $(unit_ldadd)

tests_unit_test_pump_SOURCES = tests/unit/test_pump.c tests/unit/unit.h
tests_unit_test_pump_CPPFLAGS = $(unit_cppflags)
tests_unit_test_pump_CFLAGS = $(unit_cflags)
tests_unit_test_pump_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_pump_LDADD = $(unit_ldadd)

tests_unit_test_record_SOURCES = tests/unit/test_record.c tests/unit/unit.h
tests_unit_test_record_CPPFLAGS = $(unit_cppflags)
tests_unit_test_record_CFLAGS = $(unit_cflags)
tests_unit_test_record_LDFLAGS = $(hookswitch_LDFLAGS)
tests_unit_test_record_LDADD = $(unit_ldadd)

# Fuzzers, see `fuzzers` in Makefile.am.
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZERS += \
	tests/fuzz/fuzz_answer \
	tests/fuzz/fuzz_envelope \
	tests/fuzz/fuzz_forwarded \
	tests/fuzz/fuzz_http \
	tests/fuzz/fuzz_ini \
	tests/fuzz/fuzz_kv \
	tests/fuzz/fuzz_option \
	tests/fuzz/fuzz_record \
	tests/fuzz/fuzz_shown \
	tests/fuzz/fuzz_websocket \
	tests/fuzz/fuzz_ws_client

# Of a source: its program is fuzz_source.c, which stands in a library, with the plugin's own objects.
EXTRA_LIBRARIES = tests/fuzz/libfuzz_source.a
tests_fuzz_libfuzz_source_a_SOURCES = tests/fuzz/fuzz_source.c
tests_fuzz_libfuzz_source_a_CPPFLAGS = $(unit_cppflags) -DFUZZ_PATH='"$(abs_top_srcdir)/tests/fuzz/source-map.ini"'
tests_fuzz_libfuzz_source_a_CFLAGS = $(core_libcore_a_CFLAGS)
EXTRA_DIST += tests/fuzz/source-map.ini tests/fuzz/seeds
fuzz_source_ldadd = tests/fuzz/libfuzz_source.a sdk/libhswcanon.la $(JSONC_LIBS) $(CRYPTO_LIBS)
FUZZERS += \
	tests/fuzz/fuzz_source_evolution \
	tests/fuzz/fuzz_source_eazewa \
	tests/fuzz/fuzz_source_whatsappweb \
	tests/fuzz/fuzz_source_cloudapi \
	tests/fuzz/fuzz_source_ryzeapi \
	tests/fuzz/fuzz_source_gowa \
	tests/fuzz/fuzz_source_waha \
	tests/fuzz/fuzz_source_wuzapi
tests_fuzz_fuzz_source_evolution_SOURCES =
tests_fuzz_fuzz_source_evolution_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_evolution_LDADD = $(plugins_source_evolution_la_OBJECTS) $(fuzz_source_ldadd)
tests_fuzz_fuzz_source_eazewa_SOURCES =
tests_fuzz_fuzz_source_eazewa_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_eazewa_LDADD = $(plugins_source_eazewa_la_OBJECTS) $(fuzz_source_ldadd)
tests_fuzz_fuzz_source_whatsappweb_SOURCES =
tests_fuzz_fuzz_source_whatsappweb_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_whatsappweb_LDADD = $(plugins_source_whatsappweb_la_OBJECTS) $(fuzz_source_ldadd)
tests_fuzz_fuzz_source_cloudapi_SOURCES =
tests_fuzz_fuzz_source_cloudapi_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_cloudapi_LDADD = $(plugins_source_cloudapi_la_OBJECTS) $(fuzz_source_ldadd)
tests_fuzz_fuzz_source_ryzeapi_SOURCES =
tests_fuzz_fuzz_source_ryzeapi_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_ryzeapi_LDADD = $(plugins_source_ryzeapi_la_OBJECTS) $(fuzz_source_ldadd)
tests_fuzz_fuzz_source_gowa_SOURCES =
tests_fuzz_fuzz_source_gowa_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_gowa_LDADD = $(plugins_source_gowa_la_OBJECTS) $(fuzz_source_ldadd)
tests_fuzz_fuzz_source_waha_SOURCES =
tests_fuzz_fuzz_source_waha_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_waha_LDADD = $(plugins_source_waha_la_OBJECTS) $(fuzz_source_ldadd)
tests_fuzz_fuzz_source_wuzapi_SOURCES =
tests_fuzz_fuzz_source_wuzapi_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_wuzapi_LDADD = $(plugins_source_wuzapi_la_OBJECTS) $(fuzz_source_ldadd)
if JQ_FOUND
FUZZERS += tests/fuzz/fuzz_source_map
endif
tests_fuzz_fuzz_source_map_SOURCES =
tests_fuzz_fuzz_source_map_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_source_map_LDADD = $(plugins_source_map_la_OBJECTS) $(fuzz_source_ldadd) $(JQ_LIBS) -lpthread

tests_fuzz_fuzz_websocket_SOURCES = tests/fuzz/fuzz_websocket.c
tests_fuzz_fuzz_websocket_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/sink-websocket
tests_fuzz_fuzz_websocket_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_websocket_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_websocket_LDADD = $(plugins_sink_websocket_la_OBJECTS) $(WSLAY_LIBS)

tests_fuzz_fuzz_ini_SOURCES = tests/fuzz/fuzz_ini.c
tests_fuzz_fuzz_ini_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_ini_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_ini_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_ini_LDADD = $(core_libs)

tests_fuzz_fuzz_kv_SOURCES = tests/fuzz/fuzz_kv.c
tests_fuzz_fuzz_kv_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_kv_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_kv_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_kv_LDADD = sdk/libhswkv.a

tests_fuzz_fuzz_envelope_SOURCES = tests/fuzz/fuzz_envelope.c
tests_fuzz_fuzz_envelope_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_envelope_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_envelope_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_envelope_LDADD = $(core_libs)
tests_fuzz_fuzz_forwarded_SOURCES = tests/fuzz/fuzz_forwarded.c
tests_fuzz_fuzz_forwarded_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_forwarded_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_forwarded_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_forwarded_LDADD = $(core_libs)
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c
tests_fuzz_fuzz_http_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_http_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_http_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_http_LDADD = $(core_libs)
tests_fuzz_fuzz_option_SOURCES = tests/fuzz/fuzz_option.c
tests_fuzz_fuzz_option_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_option_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_option_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_option_LDADD = $(core_libs)
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/fuzz_record.c
tests_fuzz_fuzz_record_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_record_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_record_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_record_LDADD = $(core_libs)
tests_fuzz_fuzz_shown_SOURCES = tests/fuzz/fuzz_shown.c
tests_fuzz_fuzz_shown_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_shown_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_shown_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_shown_LDADD = $(core_libs)
tests_fuzz_fuzz_ws_client_SOURCES = tests/fuzz/fuzz_ws_client.c
tests_fuzz_fuzz_ws_client_CPPFLAGS = $(unit_cppflags)
tests_fuzz_fuzz_ws_client_CFLAGS = $(core_libcore_a_CFLAGS)
tests_fuzz_fuzz_ws_client_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_ws_client_LDADD = $(core_libs)

tests_fuzz_fuzz_answer_SOURCES = tests/fuzz/fuzz_answer.c
tests_fuzz_fuzz_answer_CPPFLAGS = $(plugins_sink_webhook_la_CPPFLAGS) -I$(top_srcdir)/plugins/sink-webhook
tests_fuzz_fuzz_answer_CFLAGS = $(plugins_sink_webhook_la_CFLAGS)
tests_fuzz_fuzz_answer_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_answer_LDADD = $(plugins_sink_webhook_la_OBJECTS) $(plugins_sink_webhook_la_LIBADD)

if LINTS_ENABLED
TESTS += \
	tests/lint/abi.sh \
	tests/lint/abidiff.sh \
	tests/lint/exports.sh \
	tests/lint/headers.sh \
	tests/lint/layers.sh \
	tests/lint/options.sh \
	tests/lint/schema.py \
	tests/lint/secrets.py
endif
EXTRA_DIST += \
	tests/abi tests/lint/abidiff.sh \
	tests/lint/abi.c tests/lint/abi.sh tests/lint/exports.sh tests/lint/headers.sh tests/lint/layers.sh tests/lint/options.sh \
	tests/lint/schema.py tests/lint/secrets.py tests/fixtures tests/integration
AM_TESTS_ENVIRONMENT = HOOKSWITCH_BUILD='$(abs_top_builddir)' HOOKSWITCH_SOURCE='$(abs_top_srcdir)' \
	CC='$(CC)'; export HOOKSWITCH_BUILD HOOKSWITCH_SOURCE CC;

include tests/plugins/local.mk
