/* SPDX-License-Identifier: MIT */
/* Last Activity of the server (XEP-0012 5): how long it has been running. */
#include <couplet/module.h>

CPL_NAME(name_last, "jabber:iq:last", "query");
static struct cpl_name *const names[] = {&name_last, NULL};

static enum cpl_flow on_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result = cpl_iq_result(ev);
	struct cpl_element *query = cpl_add(result, result->root, &name_last);

	cpl_attr_set(result, query, "seconds", cpl_arena_printf(result->arena, "%lld", (long long)((cpl_now() - cpl_started_at()) / 1000)));
	cpl_send(&result);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &name_last, on_get, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"jabber:iq:last", CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(uptime) = {
	CPL_MODULE_HEAD("uptime", "1.0", "How long the server has been running (XEP-0012)"),
	.names = names,
	.iqs = iqs,
	.features = features,
};
