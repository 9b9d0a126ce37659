/* SPDX-License-Identifier: Apache-2.0 */
/* metric_help.c - see metric_help.h. */
#include "metric_help.h"

#include <string.h>

static const struct {
	const char *name, *help;
} helps[] = {
	{ "hookswitch_accepted_events_total", "Events that were stored, by source." },
	{ "hookswitch_dead_expired_total", "Dead letters that dead_retention deleted." },
	{ "hookswitch_deliveries_total",
		"Attempts to deliver, by sink and result: delivered; failed, also the last one of "
		"an event; dead: events that became dead letters, by such a failure or refused at "
		"once." },
	{ "hookswitch_duplicate_events_total", "Events that had come before, by source." },
	{ "hookswitch_events_total", "Events that were stored, by instance." },
	{ "hookswitch_http_connections", "HTTP connections that are open." },
	{ "hookswitch_http_refused_total",
		"Connections that were refused: too many, no HTTP, or too slow." },
	{ "hookswitch_http_requests_total", "HTTP requests." },
	{ "hookswitch_ignored_events_total",
		"Providers' events that have no canonical type, by source and name." },
	{ "hookswitch_node_sinks", "Destinations that this node delivers to." },
	{ "hookswitch_nodes", "Nodes on the store." },
	{ "hookswitch_notices_total", "Notices for notify_url, by result: sent, failed, dropped." },
	{ "hookswitch_refused_requests_total",
		"Requests of providers that were refused, also those answered 503, by source." },
	{ "hookswitch_sink_circuit", "0: closed, 1: half open (an event is tried), 2: open." },
	{ "hookswitch_sink_circuit_opened_total", "How often the circuit opened." },
	{ "hookswitch_sink_concurrency", "Deliveries that may be in flight at once now." },
	{ "hookswitch_sink_connections_total", "Connections that the sink made." },
	{ "hookswitch_sink_disabled_total", "How often the sink was disabled." },
	{ "hookswitch_sink_dropped_total",
		"WebSocket clients that were dropped, by reason: slow, no_pong." },
	{ "hookswitch_sink_filtered_total", "Events that the sink's filter left out." },
	{ "hookswitch_sink_lag_events",
		"Stored events from the oldest one on that the sink has not settled, also those "
		"that it does not want." },
	{ "hookswitch_sink_messages_cut_total", "Messages that were cut at max_message." },
	{ "hookswitch_sink_messages_total", "Messages to WebSocket clients." },
	{ "hookswitch_sink_refused_addresses_total",
		"Connections that were not made, since their address is not allowed." },
	{ "hookswitch_sink_retrying_events", "Events that wait for another attempt." },
	{ "hookswitch_sink_rotations_total", "How often the file was rotated." },
	{ "hookswitch_sink_skipped_total", "Events that `hookswitch skip` gave up." },
	{ "hookswitch_sink_split_batches_total",
		"Batches that were refused, and whose events were sent alone." },
	{ "hookswitch_store_errors_total",
		"Operations of the store that failed, by operation and kind of error." },
	{ "hookswitch_store_oldest_event_seconds", "Age of the oldest event in the store." },
	{ "hookswitch_store_up", "1, or 0 while the store cannot be written to." },
	{ "hookswitch_store_used_bytes", "What the journal takes." },
	{ "hookswitch_tls_failed_total", "TLS handshakes with clients that failed." },
	{ "hookswitch_unavailable_requests_total",
		"Requests of providers that were answered 503, by source." },
	{ "hookswitch_websocket_clients", "WebSocket clients that are connected." },
};

const char *
metric_help(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(helps) / sizeof(helps[0]); i++) {
		if (strlen(helps[i].name) == len && memcmp(helps[i].name, name, len) == 0)
			return helps[i].help;
	}
	return "What a plugin counts.";
}
