plugin_LTLIBRARIES += plugins/sink-syslog.la
plugins_sink_syslog_la_SOURCES = \
	plugins/sink-syslog/address.c plugins/sink-syslog/address.h \
	plugins/sink-syslog/buffer.c plugins/sink-syslog/buffer.h \
	plugins/sink-syslog/channel.c plugins/sink-syslog/channel.h \
	plugins/sink-syslog/link.c plugins/sink-syslog/link.h plugins/sink-syslog/link_impl.h \
	plugins/sink-syslog/link_connect.c \
	plugins/sink-syslog/message.c plugins/sink-syslog/message.h \
	plugins/sink-syslog/priority.c plugins/sink-syslog/priority.h \
	plugins/sink-syslog/resolver.c plugins/sink-syslog/resolver.h \
	plugins/sink-syslog/syslog.c \
	plugins/sink-syslog/text.c plugins/sink-syslog/text.h \
	plugins/sink-syslog/tls.c plugins/sink-syslog/tls.h \
	plugins/common/thread.c plugins/common/thread.h
plugins_sink_syslog_la_CPPFLAGS = $(plugin_cppflags) -I$(top_srcdir)/plugins/common
plugins_sink_syslog_la_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
plugins_sink_syslog_la_LDFLAGS = $(plugin_ldflags)
plugins_sink_syslog_la_LIBADD = $(JSONC_LIBS) -lssl $(CRYPTO_LIBS) -lpthread
EXTRA_DIST += plugins/sink-syslog/README
