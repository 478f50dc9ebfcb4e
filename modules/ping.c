/* SPDX-License-Identifier: MIT */
/* XMPP Ping (XEP-0199): the host answers, and each account for itself. */
#include <couplet/module.h>

CPL_NAME(ping_name, "urn:xmpp:ping", "ping");
static struct cpl_name *const names[] = {&ping_name, NULL};

static enum cpl_flow on_ping(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *pong = cpl_iq_result(ev);

	cpl_send(&pong);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST | CPL_TO_SELF, &ping_name, on_ping, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"urn:xmpp:ping", CPL_OF_HOST | CPL_OF_ACCOUNT},
	{NULL, 0},
};

CPL_MODULE(ping) = {
	CPL_MODULE_HEAD("ping", "1.0", "XMPP Ping (XEP-0199)"),
	.names = names,
	.iqs = iqs,
	.features = features,
};
