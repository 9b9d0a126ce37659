# llhttp once more, for a shared object; it reads answers, and is not strict with them.
noinst_LTLIBRARIES += plugins/libhswllhttp.la
nodist_plugins_libhswllhttp_la_SOURCES = $(nodist_core_libllhttp_a_SOURCES)
plugins_libhswllhttp_la_CPPFLAGS = $(LLHTTP_CFLAGS)
plugins_libhswllhttp_la_CFLAGS = -fvisibility=hidden $(HSW_SANITIZE_CFLAGS) -w

plugin_LTLIBRARIES += plugins/sink-webhook.la
plugins_sink_webhook_la_SOURCES = \
	plugins/sink-webhook/answer.c plugins/sink-webhook/answer.h \
	plugins/sink-webhook/check.c plugins/sink-webhook/check.h \
	plugins/sink-webhook/conf.c plugins/sink-webhook/conf.h \
	plugins/sink-webhook/date.c plugins/sink-webhook/date.h \
	plugins/sink-webhook/expressions.c plugins/sink-webhook/expressions.h \
	plugins/sink-webhook/event.c plugins/sink-webhook/event.h \
	plugins/sink-webhook/gzip.c plugins/sink-webhook/gzip.h \
	plugins/sink-webhook/pem.c plugins/sink-webhook/pem.h \
	plugins/sink-webhook/pieces.c plugins/sink-webhook/pieces.h \
	plugins/sink-webhook/resolving.c plugins/sink-webhook/resolving.h \
	plugins/sink-webhook/slot.c plugins/sink-webhook/slot.h plugins/sink-webhook/slot_impl.h \
	plugins/sink-webhook/slot_body.c \
	plugins/sink-webhook/slot_lines.c \
	plugins/sink-webhook/slot_split.c \
	plugins/sink-webhook/guard.c plugins/sink-webhook/guard.h \
	plugins/sink-webhook/headers.c plugins/sink-webhook/headers.h \
	plugins/sink-webhook/signatures.c plugins/sink-webhook/signatures.h \
	plugins/sink-webhook/sign.c plugins/sink-webhook/sign.h \
	plugins/sink-webhook/sockets.c plugins/sink-webhook/sockets.h \
	plugins/sink-webhook/target.c plugins/sink-webhook/target.h \
	plugins/sink-webhook/webhook.c plugins/sink-webhook/webhook.h \
	plugins/sink-webhook/wire.c plugins/sink-webhook/wire.h
if JQ_FOUND
plugins_sink_webhook_la_SOURCES += \
	plugins/common/expression.c plugins/common/expression.h \
	plugins/common/watchdog.c plugins/common/watchdog.h
sink_webhook_jq = -DWITH_JQ
endif
plugins_sink_webhook_la_CPPFLAGS = $(plugin_cppflags) $(sink_webhook_jq)
plugins_sink_webhook_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CRYPTO_CFLAGS) \
	$(LLHTTP_CFLAGS) $(ZLIB_CFLAGS)
plugins_sink_webhook_la_LDFLAGS = $(plugin_ldflags)
plugins_sink_webhook_la_LIBADD = plugins/libhswllhttp.la sdk/libhswcanon.la $(CURL_LIBS) $(CRYPTO_LIBS) $(ZLIB_LIBS) $(JQ_LIBS) -lpthread
EXTRA_DIST += plugins/sink-webhook/README
