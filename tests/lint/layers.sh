#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file of core/ includes only headers of its own row or of one below it, and plugins include nothing of core/.
rows='
1 address buf clock crypt envelope err header_list json_text log mailbox metric_help metrics notify pump seal seqmap shown tls transport
2 config config_check config_impl config_listen config_section config_sum config_tables config_tokens forwarded host ini ini_compare option option_doc origin plugin policy signing
3 attempts attempts_text catalog circuit delivery delivery_queue delivery_save destination destination_api destination_attach destination_attempts destination_claim destination_cursor destination_impl destination_intake destination_print destination_skip destination_swap emit follow gaps health identities journal journal_impl journal_memo journal_read journal_write lane live memories migrate migrate_batch migrate_impl migrate_verify notice pace place prune raw raw_form record record_batch retain retry router seen settings settings_impl settings_key settings_load settings_reload states status_order store webhook webhook_section
4 api api_call api_config api_dead api_delivery api_events api_evolution api_inquiry api_instance api_json api_read api_replay api_ws auth change change_again change_impl change_reload claim claim_config claim_impl claim_names claim_print claim_section claim_start control control_deliveries control_impl control_outcome control_reload control_sinks control_skip credential gone http http_answer http_conn http_impl http_parse http_request ingress ingress_answer ingress_event ingress_impl ingress_store instances listen ops ratelimit redeliver reload report server sinks skip sockets tour worker
5 client cmd event_line main tail_watch when ws_client ws_stream
'
row_of() {
	case $1 in cmd_*) set -- cmd ;; esac
	echo "$rows" | awk -v name="$1" '{ for (i = 2; i <= NF; i++) if ($i == name) print $1 }'
}
cd "$HOOKSWITCH_SOURCE" || exit 1
n=0
bad=
for file in core/*.[ch]; do
	name=${file#core/}
	row=$(row_of "${name%.*}")
	[ -n "$row" ] || bad="$bad ${file}(in no row)"
	headers=$(sed -n 's/^#include "\(.*\)\.h"$/\1/p' "$file")
	for header in $headers; do
		of=$(row_of "$header")
		case $header in build-config) continue ;; esac
		if [ -z "$of" ] || [ "$of" -gt "${row:-0}" ]; then bad="$bad $file->$header"; fi
	done
done
n=$((n + 1))
if [ -z "$bad" ]; then echo "ok $n - rows"; else echo "not ok $n - rows:$bad"; fi

# Headers include each other without a cycle: tsort finds one.
n=$((n + 1))
cycles=$(for file in core/*.h; do
	sed -n "s/^#include \"\(.*\)\"\$/${file#core/} \1/p" "$file"
done | tsort 2>&1 >/dev/null)
if [ -z "$cycles" ]; then echo "ok $n - no include cycle"; else echo "not ok $n - cycle: $cycles" | tr '\n' ' '; fi

n=$((n + 1))
bad=$(grep -lE '^#include ["<](\.\./)*core/' plugins/*/*.[ch] sdk/*/*.[ch])
if [ -z "$bad" ]; then echo "ok $n - plugins know no core header"; else echo "not ok $n - core headers in: $bad"; fi
echo "1..$n"
