/* SPDX-License-Identifier: Apache-2.0 */
/* types.c - names every type of the interface, for what compares their layouts (tests/lint/abidiff.sh). store.h
 * may still change and is left out. What the first headers do not have is no part of the comparison. */
#include <hookswitch/sink.h>
#include <hookswitch/source.h>

HSW_EXPORT extern const struct hsw_plugin hsw_plugin;
const struct hsw_plugin hsw_plugin = { .magic = HSW_PLUGIN_MAGIC };

HSW_EXPORT void hsw_abi(const struct hsw_host *host, const struct hsw_sink_ops *sink,
	const struct hsw_source_ops *source, const struct hsw_request *request,
	const struct hsw_event *event, const struct hsw_conn *conn, const struct hsw_detail *detail,
	const struct hsw_option *option, const struct hsw_piece *piece, struct hsw_error *err,
	const struct hsw_str *str, enum hsw_err result, enum hsw_field field, enum hsw_part part,
	enum hsw_outcome outcome, enum hsw_kind kind, enum hsw_log_level level,
	enum hsw_opt_type type);

void
hsw_abi(const struct hsw_host *host, const struct hsw_sink_ops *sink,
	const struct hsw_source_ops *source, const struct hsw_request *request,
	const struct hsw_event *event, const struct hsw_conn *conn, const struct hsw_detail *detail,
	const struct hsw_option *option, const struct hsw_piece *piece, struct hsw_error *err,
	const struct hsw_str *str, enum hsw_err result, enum hsw_field field, enum hsw_part part,
	enum hsw_outcome outcome, enum hsw_kind kind, enum hsw_log_level level,
	enum hsw_opt_type type)
{
	(void)host, (void)sink, (void)source, (void)request, (void)event, (void)conn, (void)detail,
		(void)option;
	(void)piece, (void)err, (void)str, (void)result, (void)field, (void)part, (void)outcome,
		(void)kind;
	(void)level, (void)type;
}
