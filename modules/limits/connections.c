/* SPDX-License-Identifier: MIT */
/* Connections per address, how fast they come, and how fast each may send (XEP-0205 3.1, 3.2, 3.7). */
#include "modules/limits/limits.h"

/* A connection that was counted, and under which address. */
struct counted {
	size_t len;
	char address[CPL_PEER_TEXT];
};
CPL_SLOT(counted_slot, SESSION, struct counted, 1, NULL);
struct cpl_slot *const limits_slots[] = {&counted_slot, NULL};

struct bucket limits_connect_bucket(const struct limits_config *config)
{
	return (struct bucket){config->connects, config->connect_recovery};
}

/* XEP-0205 3.1: no stream, no error, just the end. */
static void turn_away(struct cpl_session *s, const char *why)
{
	cpl_metric_add(limits_turned_away, 1);
	cpl_log_info("connection turned away session=%.*s address=%s reason=\"%s\"", CPL_ARG(s->id), s->conn->address, why);
	s->conn->ops->end(s->conn, 0);
}

void connections_on_created(struct cpl_module *self, struct cpl_ev_session *ev)
{
	const struct limits_config *config = limits_config_of(self);
	struct limits *limits = limits_of(self);
	struct cpl_session *s = ev->session;
	char peer[CPL_PEER_TEXT];
	struct cpl_str address = cpl_conn_peer(s->conn, peer);
	struct counted *counted;
	struct table_entry *open;

	if (limits_is_exempt(config, address))
		return;
	/* Counted before it is judged: it goes on to exist for a moment. */
	open = table_use(&limits->open, address);
	open->value++;
	counted = CPL_SLOT_MAKE(s, counted_slot);
	counted->len = address.len;
	memcpy(counted->address, address.ptr, address.len); /* UNSAFE: both have the same size */
	if (config->connections_per_address && open->value > config->connections_per_address)
		turn_away(s, "too many connections from this address");
	else if (!bucket_take(&limits->connects, limits_connect_bucket(config), address, cpl_monotonic()))
		turn_away(s, "connections from this address come too fast");
}

void connections_on_destroyed(struct cpl_module *self, struct cpl_ev_session *ev)
{
	struct limits *limits = limits_of(self);
	const struct counted *counted = CPL_SLOT_GET(ev->session, counted_slot);
	struct table_entry *open = counted ? table_find(&limits->open, (struct cpl_str){counted->address, counted->len}) : NULL;

	if (open && --open->value <= 0)
		table_remove(&limits->open, open);
}

void connections_on_limits(struct cpl_module *self, struct cpl_ev_limits *ev)
{
	const struct limits_config *config = CPL_CONFIG(self, ev->session->served, struct limits_config);

	switch (ev->session->type) {
	case CPL_SESSION_C2S_UNBOUND:
	case CPL_SESSION_C2S:
		ev->limits->rate = (uint32_t)config->client_rate;
		ev->limits->burst = (uint32_t)config->client_burst;
		break;
	case CPL_SESSION_S2SIN:
	case CPL_SESSION_S2SOUT:
		ev->limits->rate = (uint32_t)config->server_rate;
		ev->limits->burst = (uint32_t)config->server_burst;
		break;
	case CPL_SESSION_COMPONENT:
		ev->limits->rate = (uint32_t)config->component_rate;
		ev->limits->burst = (uint32_t)config->component_burst;
		break;
	default:
		ev->limits->rate = (uint32_t)config->unauthenticated_rate;
		ev->limits->burst = (uint32_t)config->unauthenticated_burst;
		break;
	}
}
