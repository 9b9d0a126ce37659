# llhttp comes as C sources; compile a linked copy so that its objects are ours.
noinst_LIBRARIES += core/libllhttp.a
nodist_core_libllhttp_a_SOURCES = core/llhttp/llhttp.c core/llhttp/api.c core/llhttp/http.c
# What is no request is refused as a whole: a proxy before us may have read something else in it.
core_libllhttp_a_CPPFLAGS = -DLLHTTP_STRICT_MODE=1 $(LLHTTP_CFLAGS)
core_libllhttp_a_CFLAGS = $(HSW_PROGRAM_CFLAGS) $(HSW_SANITIZE_CFLAGS) -w
core/llhttp/%.c: $(LLHTTP_DIR)/%.c
	$(AM_V_GEN)$(MKDIR_P) core/llhttp && $(LN_S) -f $< $@
CLEANFILES += $(nodist_core_libllhttp_a_SOURCES)

noinst_LIBRARIES += core/libcore.a
core_libcore_a_CPPFLAGS = $(AM_CPPFLAGS) -DHASH_NONFATAL_OOM=1 -include build-config.h -DPLUGIN_DIR='"$(plugindir)"' -DSYSCONF_DIR='"$(sysconfdir)"' -DTEMPLATE_DIR='"$(datadir)/hookswitch/templates"' -DLOCALSTATE_DIR='"$(localstatedir)"'
core_libcore_a_CFLAGS = $(AM_CFLAGS) $(HSW_PROGRAM_CFLAGS) $(EVENT_CFLAGS) $(JSONC_CFLAGS) $(TLS_CFLAGS) $(CRYPTO_CFLAGS) $(LLHTTP_CFLAGS)
core_libcore_a_SOURCES = \
	core/address.c core/address.h \
	core/api.c core/api.h \
	core/api_call.h \
	core/api_config.c \
	core/api_dead.c \
	core/api_delivery.c \
	core/api_events.c \
	core/api_evolution.c \
	core/api_inquiry.c core/api_inquiry.h \
	core/api_instance.c \
	core/api_json.c core/api_json.h \
	core/api_read.c \
	core/api_replay.c \
	core/api_ws.c \
	core/auth.c core/auth.h \
	core/attempts.c core/attempts.h \
	core/attempts_text.c \
	core/buf.c core/buf.h \
	core/catalog.c core/catalog.h \
	core/change.c core/change.h core/change_again.c core/change_impl.h core/change_reload.c \
	core/claim.c core/claim.h \
	core/claim_impl.h \
	core/claim_config.c \
	core/claim_names.c core/claim_names.h \
	core/claim_print.c \
	core/claim_section.c \
	core/claim_start.c \
	core/client.c core/client.h \
	core/clock.c core/clock.h \
	core/cmd.h \
	core/cmd_api.c core/cmd_api.h \
	core/cmd_check.c \
	core/cmd_dead.c core/cmd_deliveries.c core/cmd_enable.c core/cmd_replay.c core/cmd_skip.c \
	core/cmd_replay_outcome.c core/cmd_replay_outcome.h \
	core/cmd_instance.c \
	core/cmd_option.c \
	core/cmd_plugins.c core/cmd_plugins.h \
	core/cmd_plugins_new.c \
	core/cmd_migrate.c \
	core/cmd_rekey.c \
	core/cmd_reload.c \
	core/cmd_run.c \
	core/cmd_status.c \
	core/cmd_tail.c \
	core/cmd_translate.c \
	core/cmd_webhook.c \
	core/cmd_websocket.c \
	core/config.c core/config.h core/config_impl.h \
	core/config_check.c \
	core/config_section.c \
	core/config_sum.c \
	core/config_listen.c core/config_listen.h \
	core/config_tokens.c core/config_tokens.h \
	core/control.c core/control.h core/control_impl.h \
	core/control_deliveries.c core/control_outcome.c core/control_sinks.c core/control_skip.c \
	core/control_reload.c core/control_reload.h \
	core/credential.c core/credential.h \
	core/crypt.c core/crypt.h \
	core/delivery.c \
	core/delivery_queue.c \
	core/delivery_save.c \
	core/destination.c core/destination.h core/destination_impl.h \
	core/destination_api.c \
	core/destination_claim.c \
	core/destination_attach.c \
	core/destination_attempts.c \
	core/destination_cursor.c \
	core/destination_intake.c \
	core/destination_print.c \
	core/destination_skip.c \
	core/destination_swap.c \
	core/emit.c core/emit.h \
	core/envelope.c core/envelope.h \
	core/err.c core/err.h \
	core/event_line.c core/event_line.h \
	core/follow.c core/follow.h \
	core/gaps.c core/gaps.h \
	core/forwarded.c core/forwarded.h \
	core/header_list.c core/header_list.h \
	core/gone.c core/gone.h \
	core/health.c core/health.h \
	core/host.c core/host.h \
	core/http.c core/http.h core/http_impl.h \
	core/http_answer.c \
	core/http_conn.c \
	core/http_parse.c \
	core/http_request.c \
	core/ingress.c core/ingress.h core/ingress_impl.h \
	core/ingress_answer.c \
	core/ingress_event.c \
	core/ingress_store.c \
	core/instances.c core/instances.h \
	core/ini.c core/ini.h \
	core/ini_compare.c \
	core/identities.c core/identities.h \
	core/journal.c core/journal.h core/journal_impl.h \
	core/journal_memo.c \
	core/journal_read.c \
	core/journal_write.c \
	core/lane.c core/lane.h \
	core/listen.c core/listen.h \
	core/live.c core/live.h \
	core/log.c core/log.h \
	core/mailbox.c core/mailbox.h \
	core/memories.c core/memories.h \
	core/json_text.c core/json_text.h \
	core/metric_help.c core/metric_help.h core/metrics.c core/metrics.h \
	core/notice.c core/notice.h \
	core/notify.c core/notify.h \
	core/migrate.c core/migrate.h core/migrate_impl.h \
	core/migrate_batch.c \
	core/migrate_verify.c \
	core/ops.c core/ops.h \
	core/config_tables.c \
	core/option.c core/option.h \
	core/option_doc.c \
	core/origin.c core/origin.h \
	core/circuit.c \
	core/pace.c core/pace.h \
	core/policy.c core/policy.h \
	core/place.c core/place.h \
	core/plugin.c core/plugin.h \
	core/prune.c core/prune.h \
	core/retain.c core/retain.h \
	core/pump.c core/pump.h \
	core/ratelimit.c core/ratelimit.h \
	core/record.c core/record.h \
	core/record_batch.c \
	core/redeliver.c core/redeliver.h \
	core/reload.c core/reload.h \
	core/report.c core/report.h \
	core/retry.c core/retry.h \
	core/raw.c core/raw.h core/raw_form.c \
	core/router.c core/router.h \
	core/seal.c core/seal.h \
	core/seqmap.c core/seqmap.h \
	core/server.c core/server.h \
	core/settings.c core/settings.h \
	core/settings_impl.h core/settings_key.c \
	core/settings_load.c core/settings_reload.c \
	core/seen.c core/seen.h \
	core/when.c core/when.h \
	core/shown.c core/shown.h \
	core/signing.c core/signing.h \
	core/sinks.c core/sinks.h \
	core/skip.c core/skip.h \
	core/sockets.c core/sockets.h \
	core/states.c core/states.h \
	core/status_order.c core/status_order.h \
	core/store.c core/store.h \
	core/tail_watch.c core/tail_watch.h \
	core/tls.c core/tls.h \
	core/tour.c core/tour.h \
	core/transport.c core/transport.h \
	core/webhook.c core/webhook.h \
	core/webhook_section.c \
	core/worker.c core/worker.h \
	core/ws_client.c core/ws_client.h \
	core/ws_stream.c core/ws_stream.h

bin_PROGRAMS += hookswitch
hookswitch_SOURCES = core/main.c
hookswitch_CPPFLAGS = $(core_libcore_a_CPPFLAGS)
hookswitch_CFLAGS = $(core_libcore_a_CFLAGS)
hookswitch_LDFLAGS = $(AM_LDFLAGS) $(HSW_PROGRAM_LDFLAGS)
core_archives = core/libcore.a core/libllhttp.a
core_system_libs = $(EVENT_LIBS) $(JSONC_LIBS) $(TLS_LIBS) $(CRYPTO_LIBS) -lpthread
core_libs = $(core_archives) $(core_system_libs)
# The allocator stands behind what calls malloc, or --as-needed would drop it.
hookswitch_LDADD = $(core_archives) $(MALLOC_LIBS) $(core_system_libs)
