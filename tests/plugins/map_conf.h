/* SPDX-License-Identifier: Apache-2.0 */
/* map_conf.h - the conf struct of source-map, for its tests. */
#ifndef MAP_CONF_H
#define MAP_CONF_H

#include <stdbool.h>
#include <stdint.h>

/* As the plugin has it: see its option table. */
struct conf {
	const char *map;
	int64_t budget;
	bool explain;
	const char *signature_key, *signature_header, *signature_prefix, *signature_url;
	int signature_hash, signature_encoding, signature_over;
};

#endif
