/* SPDX-License-Identifier: Apache-2.0 */
/* config_tables.c - the daemon's own options: one table for each kind of section. */
#include <stddef.h>
#include <string.h>

#include "config.h"
#include "log.h"

#define S(member) offsetof(struct server_conf, member)
static const struct hsw_option server_options[] = {
	{ "listen", HSW_OPT_LIST, 0, S(listen), "127.0.0.1:8080", 0, 0, NULL,
		"Where providers' requests are taken: ADDRESS:PORT, [IPV6]:PORT or unix:/path, "
		"several separated by commas. none: only listen_tls." },
	{ "listen_tls", HSW_OPT_LIST, 0, S(listen_tls), NULL, 0, 0, NULL,
		"The same for HTTPS (TLS 1.2 and 1.3): ADDRESS:PORT, [IPV6]:PORT or unix:/path, "
		"several "
		"separated by commas. Needs tls_cert and tls_key." },
	{ "tls_cert", HSW_OPT_PATH, 0, S(tls_cert), NULL, 0, 0, NULL,
		"The certificate for listen_tls, a PEM file that goes on with the chain. Read "
		"again on "
		"SIGHUP; when the new pair is bad the old one stays." },
	{ "tls_key", HSW_OPT_PATH, 0, S(tls_key), NULL, 0, 0, NULL,
		"The key of tls_cert, a PEM file without a passphrase." },
	{ "listen_mode", HSW_OPT_STRING, 0, S(listen_mode_text), "0666", 0, 0, NULL,
		"The file mode of the unix sockets of listen and listen_tls." },
	{ "trusted_proxies", HSW_OPT_LIST, 0, S(trusted_proxies), NULL, 0, 0, NULL,
		"Reverse proxies that are believed when they say in X-Forwarded-For, "
		"X-Forwarded-Proto or "
		"Forwarded who the client is: addresses, networks such as 10.0.0.0/8, and unix for "
		"unix "
		"sockets." },
	{ "base_url", HSW_OPT_URL, 0, S(base_url), NULL, 0, 0, NULL,
		"The daemon's public URL, as receivers see it in instanceData.baseUrl. Without "
		"it: http:// and the first address of listen, or with listen = none https:// and "
		"the first of listen_tls; localhost where that is a unix socket." },
	{ "workers", HSW_OPT_STRING, 0, S(workers_text), "auto", 0, 0, NULL,
		"Threads that take requests and deliver: auto (one per core) or 1 to 64." },
	{ "plugin_dir", HSW_OPT_PATH, 0, S(plugin_dir), PLUGIN_DIR, 0, 0, NULL,
		"The folder of the plugins (source-NAME.so, sink-NAME.so, store-NAME.so)." },
	{ "control", HSW_OPT_PATH, 0, S(control), "/run/hookswitch/control.sock", 0, 0, NULL,
		"The unix socket that `hookswitch status` and `hookswitch dead` talk to. Only the "
		"daemon's user can open it." },
	{ "shutdown_timeout", HSW_OPT_MSEC, 0, S(shutdown_timeout_ms), "10s", 0, 3600000, NULL,
		"How long a stop waits for requests and deliveries that are under way. What is not "
		"delivered by then is delivered after the next start, and what had overtaken it "
		"comes again." },
	{ "max_connections", HSW_OPT_INT, 0, S(max_connections), "10000", 1, 1000000, NULL,
		"HTTP connections at once; further ones are answered 503." },
	{ "header_timeout", HSW_OPT_MSEC, 0, S(header_timeout_ms), "10s", 100, 3600000, NULL,
		"How long a request's header may take to arrive." },
	{ "body_timeout", HSW_OPT_MSEC, 0, S(body_timeout_ms), "30s", 100, 3600000, NULL,
		"How long a request's body may take to arrive." },
	{ "idle_timeout", HSW_OPT_MSEC, 0, S(idle_timeout_ms), "75s", 100, 86400000, NULL,
		"How long a connection may wait for its next request." },
	{ "max_header", HSW_OPT_SIZE, 0, S(max_header_bytes), "16k", 1024, 1048576, NULL,
		"Size of a request's header at most." },
	{ "encryption_key", HSW_OPT_SECRET, 0, S(encryption_key), NULL, 0, 0, NULL,
		"Encrypts tokens and credentials that the API stores: 32 bytes as hex or base64, "
		"or a passphrase. Without it the environment's ENCRYPTION_KEY is taken; without "
		"both they are stored readable. Changed with `hookswitch rekey`." },
	{ "notify_url", HSW_OPT_URL, 0, S(notify_url), NULL, 0, 0, NULL,
		"Where the operator is told, as a POST request with JSON, that a sink or a webhook "
		"of the API was disabled, that its circuit opened or closed, and what notify_lag "
		"and notify_dead_letters ask for. May be a private address." },
	{ "notify_secret", HSW_OPT_SECRET, 0, S(notify_secret), NULL, 0, 0, NULL,
		"Signs these requests as Standard Webhooks have it (webhook-signature): whsec_ and "
		"base64 of the key, or a text that is the key; 24 to 64 bytes." },
	{ "notify_lag", HSW_OPT_INT, 0, S(notify_lag), "0", 0, INT64_MAX / 2, NULL,
		"A notice is sent when a sink is so many events of the journal behind, also such "
		"as it does not want, and another one when it is less than half of that. 0: "
		"none." },
	{ "notify_dead_letters", HSW_OPT_INT, 0, S(notify_dead_letters), "0", 0, INT64_MAX / 2,
		NULL, "A notice is sent whenever a sink has so many dead letters more. 0: none." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct api_conf, member)
static const struct hsw_option api_options[] = {
	{ "account_token", HSW_OPT_SECRET, 0, S(account_token), NULL, 0, 0, NULL,
		"The token that may do everything in the API: make, list and delete instances, and "
		"configure each. Without it only instances' own tokens work, each for its own." },
	{ "rate_limit", HSW_OPT_STRING, 0, S(rate_limit_text), "100/min", 0, 0, NULL,
		"Requests to the API that one token may make: N/min, or none. Those without a "
		"token "
		"that is known count by the client's address (an IPv6 one by its /64)." },
	{ "instance_rate_limit", HSW_OPT_STRING, 0, S(instance_rate_limit_text), "20/min", 0, 0,
		NULL, "The same for making instances." },
	{ "max_webhooks", HSW_OPT_INT, 0, S(max_webhooks), "3", 1, 100, NULL,
		"How many webhooks of one instance may be enabled; those of /api/config/ do not "
		"count. An instance has at most 100 in all, disabled ones included." },
	{ "https_only", HSW_OPT_BOOL, 0, S(https_only), "no", 0, 0, NULL,
		"Refuse webhooks whose URL is not https, also those that were set before." },
	{ "allow_private", HSW_OPT_LIST, 0, S(allow_private), "none", 0, 0, NULL,
		"Networks that webhooks may be sent to beside public addresses: 10.0.0.0/8, "
		"fd00::/8, 127.0.0.1, ...; none; any. Without it whoever may set a webhook cannot "
		"have the daemon reach loopback, private or link-local addresses." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct store_conf, member)
static const struct hsw_option store_options[] = {
	{ "plugin", HSW_OPT_STRING, 0, S(plugin), "sqlite", 0, 0, NULL, "The store plugin." },
	{ "retention", HSW_OPT_MSEC, 0, S(retention_ms), "24h", 0, INT64_MAX / 2, NULL,
		"How long events are kept after every sink has settled them. Events that a sink "
		"still waits for, and dead letters, are kept longer." },
	{ "retention_size", HSW_OPT_SIZE, 0, S(retention_size), "0", 0, INT64_MAX / 2, NULL,
		"When the journal takes more than this, the oldest settled events go earlier, "
		"until "
		"it is a twentieth below. Never what a sink still waits for, retries or dead "
		"letters. 0: no limit." },
	{ "dead_retention", HSW_OPT_MSEC, 0, S(dead_retention_ms), "0s", 0, INT64_MAX / 2, NULL,
		"How long dead letters are kept; then they are deleted, and their events with "
		"them. "
		"0s: until somebody deletes them." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct ingest_conf, member)
static const char *const identities[] = { "learn", "off", NULL };
static const struct hsw_option ingest_options[] = {
	{ "max_body", HSW_OPT_SIZE, 0, S(max_body_bytes), "16m", 1024, 1 << 30, NULL,
		"Size of a provider's request body at most; larger ones are answered 413." },
	{ "queue", HSW_OPT_SIZE, 0, S(queue_bytes), "64m", 1 << 20, INT64_MAX / 2, NULL,
		"Size of the events that may wait for the store in memory; beyond it requests are "
		"answered 503." },
	{ "retry_after", HSW_OPT_MSEC, 0, S(retry_after_ms), "5s", 1000, 86400000, NULL,
		"What the Retry-After header of a 503 asks for." },
	{ "dedupe", HSW_OPT_MSEC, 0, S(dedupe_ms), "24h", 0, INT64_C(7776000000), NULL,
		"An event that comes again within this time, because a provider repeats it or "
		"sends it "
		"by two webhooks, is answered like the first, counted, and delivered once. 0s "
		"turns it "
		"off. At least the newest 3.6 million events are remembered, also over restarts." },
	{ "identity", HSW_OPT_ENUM, 0, S(identity), "learn", 0, 0, identities,
		"learn: what an event tells of the phone number and the LID of one person is "
		"remembered, for each instance, and a later event that has the LID alone gets the "
		"number. Never a guess." },
	{ "rate_limit", HSW_OPT_STRING, 0, S(rate_limit_text), "none", 0, 0, NULL,
		"Requests that one client (its address; an IPv6 one by its /64) may make to one "
		"source: N/min, or none. Further ones are answered 429." },
	{ "auto_create", HSW_OPT_BOOL, 0, S(auto_create), "no", 0, 0, NULL,
		"Accept events of instances that no [instance NAME] section names. They go to the "
		"sinks; webhooks and a WebSocket they can have when they are made: by a section or "
		"by hookswitch instance add." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct log_conf, member)
static const char *const levels[] = { "error", "warn", "info", "debug", NULL };
static const char *const formats[] = { "text", "json", NULL };
static const struct hsw_option log_options[] = {
	{ "level", HSW_OPT_ENUM, 0, S(level), "info", 0, 0, levels, "How much is logged." },
	{ "format", HSW_OPT_ENUM, 0, S(format), "text", 0, 0, formats,
		"Lines for people, or one JSON object a line." },
	{ "target", HSW_OPT_STRING, 0, S(target), "stderr", 0, 0, NULL,
		"stderr, syslog, or the path of a file. A file is opened again on SIGHUP." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct instance_conf, member)
static const struct hsw_option instance_options[] = {
	{ "token", HSW_OPT_SECRET, 0, S(token), NULL, 0, 0, NULL,
		"The instance's own token: what sinks with `token = yes` find in "
		"instanceData.token. Of this instance alone: neither another one nor the account "
		"has the same." },
	{ "websocket", HSW_OPT_BOOL, 0, S(websocket), "no", 0, 0, NULL,
		"Send the instance's events to clients that connect to /ws/NAME with its token." },
	{ "websocket_events", HSW_OPT_LIST, 0, S(websocket_events), NULL, 0, 0, NULL,
		"The types that these clients get. Without it: all." },
	{ "websocket_media_base64", HSW_OPT_BOOL, 0, S(websocket_media_base64), "no", 0, 0, NULL,
		"Send media along as base64 to these clients, where the provider gave it." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct source_conf, member)
static const char *const unmapped[] = { "ignore", "raw", NULL };
static const char *const status_orders[] = { "as-is", "monotonic", NULL };
static const struct hsw_option source_options[] = {
	{ "plugin", HSW_OPT_STRING, 0, S(plugin), NULL, 0, 0, NULL,
		"The source plugin; without it, the section's name." },
	{ "token", HSW_OPT_SECRET, 0, S(token), NULL, 0, 0, NULL,
		"What providers must bring: in the header `token`, in Authorization, as ?token= in "
		"the "
		"URL, or as a part of its path behind the instance. Without it everyone who "
		"reaches the "
		"port can post." },
	{ "instance_token", HSW_OPT_BOOL, 0, S(instance_token), "no", 0, 0, NULL,
		"An instance's own token is taken, too, for events of that instance: "
		"/in/eazewa/sales/TOKEN." },
	{ "unmapped", HSW_OPT_ENUM, 0, S(unmapped), "ignore", 0, 0, unmapped,
		"What becomes of events that have no canonical home: with ignore they are answered "
		"202 "
		"and counted by their names; with raw they are kept as raw.<name>, with the "
		"provider's "
		"body but for its credentials as data, for sinks whose `events` name raw." },
	{ "status_order", HSW_OPT_ENUM, 0, S(status_order), "as-is", 0, 0, status_orders,
		"as-is: receipts are passed on as they come; monotonic: one that goes backwards "
		"(delivered after read) is counted as ignored." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct sink_conf, member)
static const char *const orderings[] = { "chat", "chat-strict", "none", "strict", NULL };
static const char *const policies[] = { "ryze", "eazewa", "standard-webhooks", NULL };
static const char *const secrets[] = { "auto", "yes", "no", NULL };
static const struct hsw_option sink_options[] = {
	{ "plugin", HSW_OPT_STRING, HSW_OPT_REQUIRED, S(plugin), NULL, 0, 0, NULL,
		"The sink plugin." },
	{ "events", HSW_OPT_LIST, 0, S(events), NULL, 0, 0, NULL,
		"The types that are wanted, of message.exchange, message.status, call.update, "
		"group.flow, instance.state, label.update, and raw (see unmapped of sources). "
		"Without "
		"it: the six types, not raw." },
	{ "instances", HSW_OPT_LIST, 0, S(instances), NULL, 0, 0, NULL,
		"The instances whose events are wanted, of those that have a section; others, such "
		"as those that the API makes, only with auto_create = yes of [ingest]. Without it: "
		"all." },
	{ "media_base64", HSW_OPT_BOOL, 0, S(media_base64), "no", 0, 0, NULL,
		"Send media along as base64, where the provider gave it." },
	{ "token", HSW_OPT_BOOL, 0, S(token), "no", 0, 0, NULL,
		"Send the instance's token along in instanceData.token." },
	{ "raw", HSW_OPT_BOOL, 0, S(raw), "no", 0, 0, NULL,
		"Send the provider's request body along in source.raw, its credentials replaced by "
		"[redacted]. It is stored only for events that such a sink wants." },
	{ "secrets", HSW_OPT_ENUM, 0, S(secrets), "auto", 0, 0, secrets,
		"Send QR and pairing codes and media keys: yes, no, or as the plugin thinks right "
		"(auto: webhooks get codes, files do not; nobody gets media keys)." },
	{ "ordering", HSW_OPT_ENUM, 0, S(ordering), "chat", 0, 0, orderings,
		"chat: one delivery at a time for each chat, so that its messages arrive in order; "
		"a "
		"message that failed steps aside. chat-strict: a message that failed holds its "
		"chat until it is delivered or dead. strict: one delivery at a time, and one that "
		"failed holds all. none: as they come." },
	{ "concurrency", HSW_OPT_STRING, 0, S(concurrency_text), "0", 0, 0, NULL,
		"Deliveries at once, at most 1024; 0: as many as the plugin thinks right; auto: as "
		"many as the destination takes without getting slower, at most four times that." },
	{ "rate", HSW_OPT_STRING, 0, S(rate), "none", 0, 0, NULL,
		"Deliveries in a time at most, each event of a batch being one: N/s, N/min, N/h, "
		"or none." },
	{ "timeout", HSW_OPT_MSEC, 0, S(timeout_ms), "5s", 10, 3600000, NULL,
		"How long one attempt may take, at most 1h." },
	{ "policy", HSW_OPT_ENUM, 0, S(policy), "ryze", 0, 0, policies,
		"How failed deliveries are dealt with where the section does not say otherwise. "
		"ryze: retry = 1s, 15s, 4m, 1h. eazewa: retry = 3s, forever, and any HTTP answer, "
		"also an error, settles the delivery. standard-webhooks: retry = 5s, 5m, 30m, 2h, "
		"5h, 10h, 14h, 20h, 24h." },
	{ "retry", HSW_OPT_LIST, 0, S(retry), NULL, 0, 0, NULL,
		"The waits before the second, third, ... attempt, each 10 % more or less. When "
		"they "
		"are used up the event becomes a dead letter. With `forever` as the last word the "
		"last wait repeats; it is at least 10ms then. `exponential 1s..1h x5`: five waits "
		"that grow evenly from 1s "
		"to 1h. `never`: there is only one attempt. At most 32 waits, each of at most 7d. "
		"Without it: the policy's." },
	{ "retry_after_max", HSW_OPT_MSEC, 0, S(retry_after_max_ms), "1h", 0, 86400000, NULL,
		"How long a wait a destination may ask for (Retry-After of HTTP: seconds or a "
		"date); what is longer is taken for this. At most 24h; 0s: it is not asked." },
	{ "retry_on", HSW_OPT_LIST, 0, S(retry_on), NULL, 0, 0, NULL,
		"The HTTP statuses after which another attempt is made, such as 429, 5xx; any "
		"other one makes the event a dead letter at once (410 disables the destination), "
		"or with policy = eazewa settles it as delivered. No answer at all is always tried "
		"again. Without it: the policy's." },
	{ "drop_on", HSW_OPT_LIST, 0, S(drop_on), NULL, 0, 0, NULL,
		"The HTTP statuses that make the event a dead letter at once, such as 400, 413." },
	{ "probe_interval", HSW_OPT_MSEC, 0, S(probe_interval_ms), "5s", 10, 3600000, NULL,
		"While the circuit is open, one event is tried only so often, at most 1h, until "
		"one gets through. These attempts do not count." },
	{ "failures_to_open", HSW_OPT_INT, 0, S(failures_to_open), "10", 1, 1000000, NULL,
		"So many failed attempts in a row open the destination's circuit: it is taken to "
		"be down, and its events wait without using up their attempts." },
	{ "disable_after", HSW_OPT_MSEC, 0, S(disable_after_ms), "0s", 0, INT64_C(31536000000),
		NULL,
		"A destination whose circuit was open for so long, such as 5d, is disabled until "
		"`hookswitch enable` or the next start; its events are kept. 0s: never." },
	{ "max_retrying", HSW_OPT_INT, 0, S(max_retrying), "10000", 1, 10000000, NULL,
		"How many failed events wait for another attempt at once; beyond it no new event "
		"is "
		"tried." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

#define S(member) offsetof(struct websocket_conf, member)
static const struct hsw_option websocket_options[] = {
	{ "plugin", HSW_OPT_STRING, 0, S(plugin), "websocket", 0, 0, NULL,
		"The plugin that serves the clients." },
	{ "origins", HSW_OPT_LIST, 0, S(origins), NULL, 0, 0, NULL,
		"The origins whose pages may connect, as browsers write them: "
		"scheme://host[:port], "
		"such as https://app.example.com, without a path; * stands for all. Pages of the "
		"daemon's own host may always, but those without TLS where the client has TLS, up "
		"to the daemon or to a proxy of `trusted_proxies`. So may programs, which send no "
		"Origin." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef S

const char *const config_kinds[] = { "server", "store", "ingest", "api", "log", "instance",
	"source", "sink", "websocket", NULL };

const struct hsw_option *
config_table(const char *kind)
{
	static const struct hsw_option *const tables[] = { server_options, store_options,
		ingest_options, api_options, log_options, instance_options, source_options,
		sink_options, websocket_options };

	for (size_t i = 0; config_kinds[i] != NULL; i++) {
		if (strcmp(config_kinds[i], kind) == 0)
			return tables[i];
	}
	return NULL;
}
