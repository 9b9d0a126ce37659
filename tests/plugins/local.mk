# Tests of plugins, made with what is installed for those of strangers. What every store must do is tested by
# store_sqlite.sh and store_postgres.sh.
if TESTS_ENABLED
prune_rig = tests/plugins/prune_rig.c tests/plugins/prune_rig.h
store_rig = sdk/harness/store_rig.h tests/unit/unit.h
store_test_cppflags = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/sdk/harness -I$(top_srcdir)/tests/unit

check_PROGRAMS += tests/plugins/test_store_sqlite
tests_plugins_test_store_sqlite_SOURCES = tests/plugins/test_store_sqlite.c $(prune_rig) $(store_rig)
tests_plugins_test_store_sqlite_CPPFLAGS = $(store_test_cppflags)
tests_plugins_test_store_sqlite_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(SQLITE_CFLAGS)
tests_plugins_test_store_sqlite_LDADD = $(harness_ldadd) $(CHECK_LIBS) $(SQLITE_LIBS)

check_PROGRAMS += tests/plugins/test_harness
TESTS += tests/plugins/test_harness
tests_plugins_test_harness_SOURCES = tests/plugins/test_harness.c tests/unit/unit.h
tests_plugins_test_harness_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/unit
tests_plugins_test_harness_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_harness_LDADD = $(harness_ldadd) $(CHECK_LIBS)

check_PROGRAMS += tests/plugins/bench_store
tests_plugins_bench_store_SOURCES = tests/plugins/bench_store.c core/prune.c core/prune.h $(store_rig)
tests_plugins_bench_store_CPPFLAGS = $(store_test_cppflags)
tests_plugins_bench_store_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_bench_store_LDADD = $(harness_ldadd) $(CHECK_LIBS)

TESTS += tests/plugins/store_sqlite.sh tests/plugins/test_store_sqlite

if PQ_FOUND
check_PROGRAMS += tests/plugins/test_store_postgres
tests_plugins_test_store_postgres_SOURCES = tests/plugins/test_store_postgres.c $(prune_rig) $(store_rig)
tests_plugins_test_store_postgres_CPPFLAGS = $(store_test_cppflags) -I$(top_srcdir)/plugins/common
tests_plugins_test_store_postgres_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(PQ_CFLAGS)
tests_plugins_test_store_postgres_LDADD = $(plugins_store_postgres_la_OBJECTS) $(harness_ldadd) $(CHECK_LIBS) $(PQ_LIBS) -lpthread
check_PROGRAMS += tests/plugins/test_store_postgres_gaps
tests_plugins_test_store_postgres_gaps_SOURCES = tests/plugins/test_store_postgres_gaps.c $(store_rig)
tests_plugins_test_store_postgres_gaps_CPPFLAGS = $(store_test_cppflags) -I$(top_srcdir)/plugins/common
tests_plugins_test_store_postgres_gaps_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(PQ_CFLAGS)
tests_plugins_test_store_postgres_gaps_LDADD = $(plugins_store_postgres_la_OBJECTS) $(CHECK_LIBS) $(PQ_LIBS) -lpthread
TESTS += tests/plugins/store_postgres.sh

check_PROGRAMS += tests/plugins/test_store_postgres_share
tests_plugins_test_store_postgres_share_SOURCES = tests/plugins/test_store_postgres_share.c \
	plugins/store-postgres/share.c plugins/store-postgres/share.h
tests_plugins_test_store_postgres_share_CPPFLAGS = $(store_test_cppflags)
tests_plugins_test_store_postgres_share_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_store_postgres_share_LDADD = $(CHECK_LIBS)
TESTS += tests/plugins/test_store_postgres_share
endif
EXTRA_DIST += tests/plugins/store_sqlite.sh tests/plugins/store_postgres.sh tests/plugins/with_postgres.sh

# A fake host tests a plugin alone, as the .so that is installed.
fake_cppflags = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/unit
fake_cflags = $(AM_CFLAGS) $(EVENT_CFLAGS) $(CHECK_CFLAGS)
fake_ldadd = tests/plugins/librig.a $(harness_ldadd) $(CHECK_LIBS)

# What several tests use.
check_LIBRARIES += tests/plugins/librig.a
tests_plugins_librig_a_SOURCES = \
	tests/plugins/certs.c tests/plugins/certs.h \
	tests/plugins/http_server.c tests/plugins/http_server.h \
	tests/plugins/payload_rig.c tests/plugins/payload_rig.h \
	tests/plugins/signed_rig.c tests/plugins/signed_rig.h \
	tests/plugins/source_rig.c tests/plugins/source_rig.h \
	tests/plugins/webhook_rig.c tests/plugins/webhook_rig.h
tests_plugins_librig_a_CPPFLAGS = $(fake_cppflags)
tests_plugins_librig_a_CFLAGS = $(fake_cflags) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS) $(ZLIB_CFLAGS)

sink_tests = \
	tests/plugins/test_sink_file \
	tests/plugins/test_sink_file_disk \
	tests/plugins/test_sink_file_rotate \
	tests/plugins/test_sink_syslog \
	tests/plugins/test_sink_syslog_net \
	tests/plugins/test_sink_syslog_silent \
	tests/plugins/test_sink_webhook \
	tests/plugins/test_sink_webhook_body \
	tests/plugins/test_sink_webhook_dns \
	tests/plugins/test_sink_webhook_guard \
	tests/plugins/test_sink_webhook_net \
	tests/plugins/test_sink_webhook_sign \
	tests/plugins/test_sink_websocket
check_PROGRAMS += $(sink_tests)
TESTS += $(sink_tests)

# -rdynamic: the plugin is to find the test's own writev, fdatasync and ftruncate.
file_rig = tests/plugins/file_rig.c tests/plugins/file_rig.h
tests_plugins_test_sink_file_SOURCES = tests/plugins/test_sink_file.c $(file_rig)
tests_plugins_test_sink_file_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_file_CFLAGS = $(fake_cflags)
tests_plugins_test_sink_file_LDFLAGS = -rdynamic
tests_plugins_test_sink_file_LDADD = $(fake_ldadd)

tests_plugins_test_sink_file_disk_SOURCES = tests/plugins/test_sink_file_disk.c $(file_rig)
tests_plugins_test_sink_file_disk_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_file_disk_CFLAGS = $(fake_cflags)
tests_plugins_test_sink_file_disk_LDFLAGS = -rdynamic
tests_plugins_test_sink_file_disk_LDADD = $(fake_ldadd)

tests_plugins_test_sink_file_rotate_SOURCES = tests/plugins/test_sink_file_rotate.c $(file_rig)
tests_plugins_test_sink_file_rotate_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_file_rotate_CFLAGS = $(fake_cflags) $(ZLIB_CFLAGS)
tests_plugins_test_sink_file_rotate_LDFLAGS = -rdynamic
tests_plugins_test_sink_file_rotate_LDADD = $(fake_ldadd) $(ZLIB_LIBS)

syslog_rig = tests/plugins/syslog_rig.c tests/plugins/syslog_rig.h
tests_plugins_test_sink_syslog_SOURCES = tests/plugins/test_sink_syslog.c $(syslog_rig)
tests_plugins_test_sink_syslog_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_syslog_CFLAGS = $(fake_cflags)
tests_plugins_test_sink_syslog_LDADD = $(fake_ldadd)

# -rdynamic: the plugin is to find the test's own SSL_write_ex, or getaddrinfo.
tests_plugins_test_sink_syslog_net_SOURCES = tests/plugins/test_sink_syslog_net.c $(syslog_rig)
tests_plugins_test_sink_syslog_net_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_syslog_net_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS)
tests_plugins_test_sink_syslog_net_LDFLAGS = -rdynamic
tests_plugins_test_sink_syslog_net_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS)

tests_plugins_test_sink_syslog_silent_SOURCES = tests/plugins/test_sink_syslog_silent.c $(syslog_rig)
tests_plugins_test_sink_syslog_silent_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_syslog_silent_CFLAGS = $(fake_cflags)
tests_plugins_test_sink_syslog_silent_LDFLAGS = -rdynamic
tests_plugins_test_sink_syslog_silent_LDADD = $(fake_ldadd)

tests_plugins_test_sink_webhook_SOURCES = tests/plugins/test_sink_webhook.c
tests_plugins_test_sink_webhook_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_webhook_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS)
tests_plugins_test_sink_webhook_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS)

tests_plugins_test_sink_webhook_net_SOURCES = tests/plugins/test_sink_webhook_net.c
tests_plugins_test_sink_webhook_net_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_webhook_net_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS)
tests_plugins_test_sink_webhook_net_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS)

# -rdynamic: libcurl is to find the test's own getaddrinfo.
tests_plugins_test_sink_webhook_dns_SOURCES = tests/plugins/test_sink_webhook_dns.c
tests_plugins_test_sink_webhook_dns_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_webhook_dns_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS)
tests_plugins_test_sink_webhook_dns_LDFLAGS = -rdynamic
tests_plugins_test_sink_webhook_dns_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS)

tests_plugins_test_sink_webhook_body_SOURCES = tests/plugins/test_sink_webhook_body.c
tests_plugins_test_sink_webhook_body_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_webhook_body_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS) $(ZLIB_CFLAGS)
tests_plugins_test_sink_webhook_body_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS) $(ZLIB_LIBS)
tests_plugins_test_sink_webhook_guard_SOURCES = tests/plugins/test_sink_webhook_guard.c \
	plugins/sink-webhook/guard.c plugins/sink-webhook/guard.h
tests_plugins_test_sink_webhook_guard_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_webhook_guard_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS)
tests_plugins_test_sink_webhook_guard_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS)
tests_plugins_test_sink_webhook_sign_SOURCES = tests/plugins/test_sink_webhook_sign.c
tests_plugins_test_sink_webhook_sign_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_webhook_sign_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS)
tests_plugins_test_sink_webhook_sign_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS)

if JQ_FOUND
check_PROGRAMS += tests/plugins/test_sink_webhook_jq
TESTS += tests/plugins/test_sink_webhook_jq
tests_plugins_test_sink_webhook_jq_SOURCES = tests/plugins/test_sink_webhook_jq.c
tests_plugins_test_sink_webhook_jq_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_webhook_jq_CFLAGS = $(fake_cflags) $(CRYPTO_CFLAGS)
tests_plugins_test_sink_webhook_jq_LDADD = $(fake_ldadd) -lssl $(CRYPTO_LIBS)
endif

# -rdynamic: the plugin is to find the test's own sendmsg and malloc.
tests_plugins_test_sink_websocket_SOURCES = tests/plugins/test_sink_websocket.c \
	tests/plugins/websocket_rig.c tests/plugins/websocket_rig.h
tests_plugins_test_sink_websocket_CPPFLAGS = $(fake_cppflags)
tests_plugins_test_sink_websocket_CFLAGS = $(fake_cflags)
tests_plugins_test_sink_websocket_LDFLAGS = -rdynamic
tests_plugins_test_sink_websocket_LDADD = $(fake_ldadd)

check_PROGRAMS += tests/plugins/bench_sink_webhook
tests_plugins_bench_sink_webhook_SOURCES = tests/plugins/bench_sink_webhook.c
tests_plugins_bench_sink_webhook_CPPFLAGS = $(fake_cppflags)
tests_plugins_bench_sink_webhook_CFLAGS = $(fake_cflags)
tests_plugins_bench_sink_webhook_LDADD = $(fake_ldadd)

# Sources: payloads in, events out.
events_rig = tests/unit/unit.h
events_cppflags = -D_GNU_SOURCE -I$(top_srcdir)/sdk -I$(top_srcdir)/tests/unit

check_PROGRAMS += tests/plugins/test_source_evolution tests/plugins/translate
TESTS += tests/plugins/test_source_evolution
tests_plugins_test_source_evolution_SOURCES = tests/plugins/test_source_evolution.c
tests_plugins_test_source_evolution_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_evolution_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_evolution_LDADD = $(fake_ldadd)

check_PROGRAMS += tests/plugins/test_source_eazewa
TESTS += tests/plugins/test_source_eazewa
tests_plugins_test_source_eazewa_SOURCES = tests/plugins/test_source_eazewa.c
tests_plugins_test_source_eazewa_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_eazewa_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_eazewa_LDADD = $(fake_ldadd)

check_PROGRAMS += tests/plugins/test_source_whatsappweb
TESTS += tests/plugins/test_source_whatsappweb
tests_plugins_test_source_whatsappweb_SOURCES = tests/plugins/test_source_whatsappweb.c
tests_plugins_test_source_whatsappweb_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_whatsappweb_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_whatsappweb_LDADD = $(fake_ldadd)

check_PROGRAMS += tests/plugins/test_source_cloudapi
TESTS += tests/plugins/test_source_cloudapi
tests_plugins_test_source_cloudapi_SOURCES = tests/plugins/test_source_cloudapi.c
tests_plugins_test_source_cloudapi_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_cloudapi_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_cloudapi_LDADD = $(fake_ldadd)

check_PROGRAMS += tests/plugins/test_source_ryzeapi
TESTS += tests/plugins/test_source_ryzeapi
tests_plugins_test_source_ryzeapi_SOURCES = tests/plugins/test_source_ryzeapi.c
tests_plugins_test_source_ryzeapi_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_ryzeapi_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_ryzeapi_LDADD = $(fake_ldadd)

# Sources whose body is signed.
signed_tests = \
	tests/plugins/test_source_gowa \
	tests/plugins/test_source_waha \
	tests/plugins/test_source_wuzapi
check_PROGRAMS += $(signed_tests)
TESTS += $(signed_tests)
tests_plugins_test_source_gowa_SOURCES = tests/plugins/test_source_gowa.c
tests_plugins_test_source_gowa_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_gowa_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_gowa_LDADD = $(fake_ldadd)
tests_plugins_test_source_waha_SOURCES = tests/plugins/test_source_waha.c
tests_plugins_test_source_waha_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_waha_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_waha_LDADD = $(fake_ldadd)
tests_plugins_test_source_wuzapi_SOURCES = tests/plugins/test_source_wuzapi.c
tests_plugins_test_source_wuzapi_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_wuzapi_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_wuzapi_LDADD = $(fake_ldadd)
if JQ_FOUND
map_rig = tests/plugins/map_conf.h
check_PROGRAMS += tests/plugins/test_source_map tests/plugins/test_source_map_signature
TESTS += tests/plugins/test_source_map tests/plugins/test_source_map_signature
tests_plugins_test_source_map_SOURCES = tests/plugins/test_source_map.c $(map_rig)
tests_plugins_test_source_map_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_map_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_map_LDADD = $(fake_ldadd)

tests_plugins_test_source_map_signature_SOURCES = tests/plugins/test_source_map_signature.c $(map_rig)
tests_plugins_test_source_map_signature_CPPFLAGS = $(events_cppflags)
tests_plugins_test_source_map_signature_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CHECK_CFLAGS)
tests_plugins_test_source_map_signature_LDADD = $(fake_ldadd)
endif

TESTS += tests/plugins/source_harness.sh
EXTRA_DIST += tests/plugins/source_harness.sh

# Prints what a payload becomes, to be read and kept beside it.
tests_plugins_translate_SOURCES = tests/plugins/translate.c $(events_rig)
tests_plugins_translate_CPPFLAGS = $(events_cppflags)
tests_plugins_translate_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
tests_plugins_translate_LDADD = $(harness_ldadd)
endif
