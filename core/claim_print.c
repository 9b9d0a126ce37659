/* SPDX-License-Identifier: Apache-2.0 */
/* claim_print.c - what claim.h says for people: the nodes, and who serves what. */
#include "claim.h"

struct printing {
	struct buf *out;
	bool has_items;
};

static int
print_self(void *arg, struct hsw_str node, int is_self)
{
	struct printing *p = arg;

	if (is_self)
		buf_json(p->out, node);
	p->has_items |= is_self;
	return HSW_OK;
}

static int
print_node(void *arg, struct hsw_str node, int is_self)
{
	struct printing *p = arg;

	(void)is_self;
	buf_str(p->out, p->has_items ? "," : "");
	buf_json(p->out, node);
	p->has_items = true;
	return HSW_OK;
}

static int
print_elsewhere(void *arg, const struct hsw_claim *claim)
{
	struct printing *p = arg;

	if (claim->state != HSW_CLAIM_OTHER)
		return HSW_OK;
	buf_str(p->out, p->has_items ? ",{\"name\":" : "{\"name\":");
	buf_json(p->out, claim->destination);
	buf_str(p->out, ",\"node\":");
	buf_json(p->out, claim->node);
	buf_str(p->out, "}");
	p->has_items = true;
	return HSW_OK;
}

void
claims_print(const struct store_port *store, struct buf *out)
{
	struct printing p = { out, false };

	buf_str(out, "\"node\":");
	store->ops->nodes(store->self, print_self, &p);
	buf_str(out, p.has_items ? ",\"nodes\":[" : "\"\",\"nodes\":[");
	p.has_items = false;
	store->ops->nodes(store->self, print_node, &p);
	buf_str(out, "],\"elsewhere\":[");
	p.has_items = false;
	store->ops->claims(store->self, print_elsewhere, &p);
	buf_str(out, "]");
}

struct finding {
	struct hsw_str destination;
	struct buf *node;
};

static int
find_node(void *arg, const struct hsw_claim *claim)
{
	struct finding *f = arg;

	if (str_equal(claim->destination, f->destination) && claim->state == HSW_CLAIM_OTHER)
		buf_append(f->node, claim->node.s, claim->node.len);
	return HSW_OK;
}

void
claims_find(const struct store_port *store, struct hsw_str destination, struct buf *node)
{
	struct finding f = { destination, node };

	store->ops->claims(store->self, find_node, &f);
}
