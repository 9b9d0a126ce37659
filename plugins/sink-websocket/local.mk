plugin_LTLIBRARIES += plugins/sink-websocket.la
plugins_sink_websocket_la_SOURCES = \
	plugins/sink-websocket/client.c \
	plugins/sink-websocket/inbound.c plugins/sink-websocket/inbound.h \
	plugins/sink-websocket/room.c \
	plugins/sink-websocket/websocket.c plugins/sink-websocket/websocket.h
plugins_sink_websocket_la_CPPFLAGS = $(plugin_cppflags) -DHASH_NONFATAL_OOM=1
plugins_sink_websocket_la_CFLAGS = $(AM_CFLAGS)
plugins_sink_websocket_la_LDFLAGS = $(plugin_ldflags)
plugins_sink_websocket_la_LIBADD = $(WSLAY_LIBS)
EXTRA_DIST += plugins/sink-websocket/README
