/* SPDX-License-Identifier: Apache-2.0 */
/* router.c - see router.h. */
#include "router.h"

#include "buf.h"

unsigned
router_types(const char **names)
{
	unsigned types = 0;

	if (names == NULL)
		return (1u << TYPE_COUNT) - 1;
	for (const char **name = names; *name != NULL; name++) {
		int type = strcmp(*name, "raw") == 0 ? TYPE_RAW : event_type_of(str_of(*name));
		if (type >= 0)
			types |= 1u << type;
	}
	return types;
}

bool
router_has_instance(const struct sink_conf *conf, struct hsw_str instance)
{
	if (conf->instances == NULL)
		return true;
	for (const char **name = conf->instances; *name != NULL; name++) {
		if (str_is(instance, *name))
			return true;
	}
	return false;
}
