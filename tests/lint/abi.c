/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abi.c - where plugins that were built look for the members of the interface's structs, on machines with
 * pointers of 8 bytes. Compiling this is the test (abi.sh). What is here stays as it is within a major version;
 * members that are added at the end of a struct are added here.
 */
#include <hookswitch/sink.h>
#include <hookswitch/source.h>
#include <hookswitch/store.h>

#define AT(type, member, offset)                                  \
	_Static_assert(offsetof(struct type, member) == (offset), \
		"struct " #type ": " #member " has moved")
#define VALUE(name, value) _Static_assert((name) == (value), #name " has changed")
#define SIZE(type, size) _Static_assert(sizeof(struct type) == (size), "struct " #type " is frozen")

_Static_assert(HSW_ABI_MAJOR == 1, "a new major version has a new list");

/* Frozen, or in arrays: may not even grow. */
SIZE(hsw_error, 256);
SIZE(hsw_str, 16);
SIZE(hsw_option, 64);
SIZE(hsw_piece, 24);

AT(hsw_error, text, 0);

AT(hsw_str, s, 0);
AT(hsw_str, len, 8);

AT(hsw_option, key, 0);
AT(hsw_option, type, 8);
AT(hsw_option, flags, 12);
AT(hsw_option, offset, 16);
AT(hsw_option, def, 24);
AT(hsw_option, min, 32);
AT(hsw_option, max, 40);
AT(hsw_option, choices, 48);
AT(hsw_option, help, 56);

AT(hsw_detail, status, 0);
AT(hsw_detail, retry_after_ms, 8);
AT(hsw_detail, text, 16);

AT(hsw_host, size, 0);
AT(hsw_host, abi, 4);
AT(hsw_host, log, 8);
AT(hsw_host, post, 16);
AT(hsw_host, ref, 24);
AT(hsw_host, unref, 32);
AT(hsw_host, now_ms, 40);
AT(hsw_host, timer_new, 48);
AT(hsw_host, timer_set, 56);
AT(hsw_host, timer_free, 64);
AT(hsw_host, watch_new, 72);
AT(hsw_host, watch_set, 80);
AT(hsw_host, watch_free, 88);
AT(hsw_host, count, 96);
AT(hsw_host, get, 104);
AT(hsw_host, received_ms, 112);
AT(hsw_host, iov, 120);
AT(hsw_host, envelope, 128);
AT(hsw_host, parts, 136);
AT(hsw_host, attempt, 144);
AT(hsw_host, target, 152);
AT(hsw_host, done, 160);
AT(hsw_host, set_data, 168);
AT(hsw_host, get_data, 176);
AT(hsw_host, version, 184);
AT(hsw_host, is_replay, 192);
AT(hsw_host, skip, 200);
AT(hsw_host, postpone, 208);
AT(hsw_host, extend, 216);

AT(hsw_plugin, magic, 0);
AT(hsw_plugin, size, 4);
AT(hsw_plugin, abi_major, 8);
AT(hsw_plugin, abi_minor, 10);
AT(hsw_plugin, kind, 12);
AT(hsw_plugin, name, 16);
AT(hsw_plugin, version, 24);
AT(hsw_plugin, summary, 32);
AT(hsw_plugin, conf_size, 40);
AT(hsw_plugin, options, 48);
AT(hsw_plugin, ops, 56);

AT(hsw_conn, size, 0);
AT(hsw_conn, fd, 4);
AT(hsw_conn, instance, 8);
AT(hsw_conn, key, 24);
AT(hsw_conn, early, 40);
AT(hsw_conn, tls, 56);
AT(hsw_conn, released, 64);
AT(hsw_conn, token, 72);
AT(hsw_conn, flags, 80);

AT(hsw_sink_ops, size, 0);
AT(hsw_sink_ops, concurrency, 4);
AT(hsw_sink_ops, parts, 8);
AT(hsw_sink_ops, flags, 12);
AT(hsw_sink_ops, open, 16);
AT(hsw_sink_ops, deliver, 24);
AT(hsw_sink_ops, cancel, 32);
AT(hsw_sink_ops, drain, 40);
AT(hsw_sink_ops, close, 48);
AT(hsw_sink_ops, reopen, 56);
AT(hsw_sink_ops, adopt, 64);
AT(hsw_sink_ops, broadcast, 72);
AT(hsw_sink_ops, dismiss, 80);
AT(hsw_sink_ops, needs, 88);
AT(hsw_sink_ops, check, 96);
AT(hsw_sink_ops, gathers, 104);
AT(hsw_sink_ops, configure, 112);
AT(hsw_sink_ops, expel, 120);
AT(hsw_sink_ops, check_each, 128);
AT(hsw_sink_ops, check_parts, 136);

AT(hsw_request, size, 0);
AT(hsw_request, method, 8);
AT(hsw_request, path, 24);
AT(hsw_request, query, 40);
AT(hsw_request, instance, 56);
AT(hsw_request, body, 72);
AT(hsw_request, received_ms, 88);
AT(hsw_request, header, 96);
AT(hsw_request, phone_of, 104);
AT(hsw_request, learn, 112);
AT(hsw_request, daemon, 120);

AT(hsw_piece, bytes, 0);
AT(hsw_piece, part, 16);

AT(hsw_event, size, 0);
AT(hsw_event, type, 8);
AT(hsw_event, provider_event, 16);
AT(hsw_event, identity, 32);
AT(hsw_event, key, 48);
AT(hsw_event, data, 64);
AT(hsw_event, pieces, 72);
AT(hsw_event, instance, 80);

AT(hsw_reply, size, 0);
AT(hsw_reply, status, 4);
AT(hsw_reply, content_type, 8);
AT(hsw_reply, body, 16);
AT(hsw_reply, len, 1040);

AT(hsw_source_ops, size, 0);
AT(hsw_source_ops, open, 8);
AT(hsw_source_ops, verify, 16);
AT(hsw_source_ops, translate, 24);
AT(hsw_source_ops, close, 32);
AT(hsw_source_ops, challenge, 40);
AT(hsw_source_ops, names_instances, 48);

AT(hsw_store_event, seq, 0);
AT(hsw_store_event, received_ms, 8);
AT(hsw_store_event, id, 16);
AT(hsw_store_event, instance, 32);
AT(hsw_store_event, type, 48);
AT(hsw_store_event, provider, 64);
AT(hsw_store_event, key, 80);
AT(hsw_store_event, layout, 96);
AT(hsw_store_event, body, 112);

AT(hsw_store_record, kind, 0);
AT(hsw_store_record, name, 16);
AT(hsw_store_record, text, 32);

AT(hsw_write, kind, 0);
AT(hsw_write, event, 8);
AT(hsw_write, destination, 16);
AT(hsw_write, seq, 32);
AT(hsw_write, attempts, 40);
AT(hsw_write, due_ms, 48);
AT(hsw_write, at_ms, 56);
AT(hsw_write, status, 64);
AT(hsw_write, text, 72);
AT(hsw_write, record, 88);

AT(hsw_store_exception, seq, 0);
AT(hsw_store_exception, destination, 8);
AT(hsw_store_exception, attempts, 24);
AT(hsw_store_exception, due_ms, 32);
AT(hsw_store_exception, at_ms, 40);
AT(hsw_store_exception, status, 48);
AT(hsw_store_exception, text, 56);
AT(hsw_store_exception, event, 72);

AT(hsw_dead_query, destination, 0);
AT(hsw_dead_query, id, 16);
AT(hsw_dead_query, after, 32);
AT(hsw_dead_query, limit, 40);
AT(hsw_dead_query, with_body, 48);

AT(hsw_store_stats, first_seq, 0);
AT(hsw_store_stats, last_seq, 8);
AT(hsw_store_stats, events, 16);
AT(hsw_store_stats, bytes, 24);

AT(hsw_store_usage, bytes, 0);
AT(hsw_store_usage, oldest_ms, 8);

AT(hsw_store_ops, size, 0);
AT(hsw_store_ops, open, 8);
AT(hsw_store_ops, commit, 16);
AT(hsw_store_ops, read, 24);
AT(hsw_store_ops, read_seqs, 32);
AT(hsw_store_ops, attach, 40);
AT(hsw_store_ops, cursors, 48);
AT(hsw_store_ops, retries, 56);
AT(hsw_store_ops, dead, 64);
AT(hsw_store_ops, dead_counts, 72);
AT(hsw_store_ops, dead_replay, 80);
AT(hsw_store_ops, dead_purge, 88);
AT(hsw_store_ops, prune, 96);
AT(hsw_store_ops, stats, 104);
AT(hsw_store_ops, idle, 112);
AT(hsw_store_ops, close, 120);
AT(hsw_store_ops, records, 128);
AT(hsw_store_ops, detach, 136);
AT(hsw_store_ops, memos, 144);
AT(hsw_store_ops, forget_memos, 152);
AT(hsw_store_ops, join, 160);
AT(hsw_store_ops, want, 168);
AT(hsw_store_ops, news, 176);
AT(hsw_store_ops, claims, 184);
AT(hsw_store_ops, release, 192);
AT(hsw_store_ops, leave, 200);
AT(hsw_store_ops, nodes, 208);
AT(hsw_store_ops, alone, 216);
AT(hsw_store_ops, usage, 224);
AT(hsw_store_ops, dead_expire, 232);
AT(hsw_store_ops, memos_after, 240);
AT(hsw_store_ops, retire, 248);
AT(hsw_store_ops, exists, 256);
AT(hsw_store_ops, check, 264);
AT(hsw_store_ops, gaps, 272);

AT(hsw_store_watch, size, 0);
AT(hsw_store_watch, arg, 8);
AT(hsw_store_watch, proved, 16);
AT(hsw_store_watch, wake, 24);

AT(hsw_store_news, last_seq, 0);
AT(hsw_store_news, settings, 8);

AT(hsw_claim, destination, 0);
AT(hsw_claim, node, 16);
AT(hsw_claim, state, 32);
AT(hsw_claim, touched, 40);

VALUE(HSW_OK, 0);
VALUE(HSW_EINVAL, -1);
VALUE(HSW_ENOMEM, -2);
VALUE(HSW_EIO, -3);
VALUE(HSW_EAUTH, -4);
VALUE(HSW_ENOTSUP, -5);
VALUE(HSW_EAGAIN, -6);
VALUE(HSW_ELIMIT, -7);
VALUE(HSW_ECLOSED, -8);
VALUE(HSW_ENOENT, -9);
VALUE(HSW_EUNPROCESSABLE, -10);
VALUE(HSW_OPT_STRING, 0);
VALUE(HSW_OPT_SECRET, 1);
VALUE(HSW_OPT_URL, 2);
VALUE(HSW_OPT_PATH, 3);
VALUE(HSW_OPT_LIST, 4);
VALUE(HSW_OPT_BOOL, 5);
VALUE(HSW_OPT_INT, 6);
VALUE(HSW_OPT_SIZE, 7);
VALUE(HSW_OPT_MSEC, 8);
VALUE(HSW_OPT_ENUM, 9);
VALUE(HSW_F_ID, 0);
VALUE(HSW_F_TYPE, 1);
VALUE(HSW_F_INSTANCE, 2);
VALUE(HSW_F_PROVIDER, 3);
VALUE(HSW_F_KEY, 4);
VALUE(HSW_TOKEN, 1);
VALUE(HSW_MEDIA, 2);
VALUE(HSW_RAW, 4);
VALUE(HSW_CODES, 8);
VALUE(HSW_KEYS, 16);
VALUE(HSW_DELIVERED, 1);
VALUE(HSW_RETRY, 2);
VALUE(HSW_REJECT, 3);
VALUE(HSW_GONE, 4);
VALUE(HSW_HOLD, 5);
VALUE(HSW_LOG_ERROR, 0);
VALUE(HSW_LOG_WARN, 1);
VALUE(HSW_LOG_INFO, 2);
VALUE(HSW_LOG_DEBUG, 3);
VALUE(HSW_SOURCE, 1);
VALUE(HSW_SINK, 2);
VALUE(HSW_STORE, 3);
VALUE(HSW_WRITE_EVENT, 0);
VALUE(HSW_WRITE_CURSOR, 1);
VALUE(HSW_WRITE_RETRY, 2);
VALUE(HSW_WRITE_SETTLED, 3);
VALUE(HSW_WRITE_DEAD, 4);
VALUE(HSW_WRITE_RECORD, 5);
VALUE(HSW_WRITE_FORGET, 6);
VALUE(HSW_WRITE_MEMO, 7);
VALUE(HSW_WRITE_RECORD_IF, 8);
