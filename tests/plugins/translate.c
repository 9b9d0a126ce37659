/* SPDX-License-Identifier: Apache-2.0 */
/*
 * translate.c - prints what a source plugin makes of a payload, in the form of fixtures/<source>/<name>.expected.json.
 *
 *   tests/plugins/translate plugins/.libs/source-evolution.so PAYLOAD.json
 *   tests/plugins/translate plugins/.libs/source-map.so PAYLOAD.json etc/maps/zapi.ini
 *
 * What it prints is what the plugin does, not what is right: read it against the events' description first.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hookswitch/harness_events.h>

int
main(int argc, char **argv)
{
	static char body[1 << 20];
	/* The first options of source-map; all are 0 to the others. */
	static struct {
		const char *map;
		int64_t budget_ms;
		char rest[256];
	} conf;
	struct hsw_error err;

	if (argc == 4) {
		conf.map = argv[3];
		conf.budget_ms = 1000;
	}
	FILE *f = argc == 3 || argc == 4 ? fopen(argv[2], "rb") : NULL;
	if (f == NULL) {
		fprintf(stderr, "Usage: %s PLUGIN.so PAYLOAD.json [MAP]\n", argv[0]);
		return 2;
	}
	size_t n = fread(body, 1, sizeof(body), f);
	fclose(f);
	struct json_object *events = events_translate(
		events_load(argv[1]), &conf, "", (struct hsw_str){ body, n }, &err);
	if (events == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	events_simplify(events);
	puts(json_object_to_json_string_ext(events,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(events);
	return EXIT_SUCCESS;
}
