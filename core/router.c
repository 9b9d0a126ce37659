/* SPDX-License-Identifier: Apache-2.0 */
/* router.c - see router.h. */
#include "router.h"

#include "buf.h"

static const struct {
	const char *name, *member, *values[2];
} parts[] = {
	[ONLY_OUTGOING] = { "outgoing", "direction", { "outgoing" } },
	[ONLY_INCOMING] = { "incoming", "direction", { "incoming" } },
	[ONLY_CONNECTED] = { "connected", "state", { "connected" } },
	[ONLY_DISCONNECTED] = { "disconnected", "state", { "disconnected", "logged_out" } },
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

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

unsigned
router_parts(const struct config_section *s)
{
	const struct hsw_sink_ops *ops = &s->plugin->ops.sink;
	unsigned wanted = ops->parts | config_sink_parts(&s->u.sink);

	if (ops->needs != NULL)
		wanted |= ops->needs(s->conf);
	if (s->u.sink.secrets == SECRETS_NO)
		wanted &= ~(unsigned)(HSW_CODES | HSW_KEYS);
	return wanted;
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

const char *
router_only_name(enum sink_only only)
{
	return parts[only].name;
}

int
router_only_of(struct hsw_str name)
{
	for (size_t i = ONLY_ALL + 1; i < PARTS; i++) {
		if (str_is(name, parts[i].name))
			return (int)i;
	}
	return -1;
}

bool
router_has_part(const struct sink_conf *conf, const struct hsw_envelope *e)
{
	if (conf->only == ONLY_ALL)
		return true;
	const char *const *values = parts[conf->only].values;
	struct hsw_str text = envelope_text(e, parts[conf->only].member);
	return text.s != NULL &&
		(str_is(text, values[0]) || (values[1] != NULL && str_is(text, values[1])));
}
