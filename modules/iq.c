/* SPDX-License-Identifier: MIT */
/*
 * Delivery of IQs to connected resources (RFC 6121 8.5.3). Requests to accounts and hosts are answered by the modules that claim them; what nobody
 * claims the core answers. Hooks iq.
 */
#include <couplet/module.h>

CPL_NAME(name_roster, "jabber:iq:roster", "query");
static struct cpl_name *const iq_names[] = {&name_roster, NULL};

static enum cpl_flow on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_stanza *stanza = ev->stanza;

	/* It may be on its way out, or have gone while the event was suspended. */
	if (!ev->recipient || !cpl_session_can_receive(ev->recipient))
		return CPL_NEXT;
	/* Roster pushes come from the own account only: clients have believed others (RFC 6121 2.1.6, 10). What we say in its name has no sender. */
	if (cpl_child(stanza->root, &name_roster) && cpl_jid_is_set(stanza->from) && !cpl_jid_equal_bare(stanza->from, stanza->to))
		return CPL_NEXT;
	cpl_session_send(ev->recipient, stanza);
	return CPL_HANDLED;
}

static const struct cpl_event_row iq_events[] = {
	CPL_ON(iq, on_iq, DELIVER, 0),
	CPL_ON_END,
};

CPL_MODULE(iq) = {
	CPL_MODULE_HEAD("iq", "1.0", "Delivery of IQs between clients (RFC 6121 8.5.3)"),
	.names = iq_names,
	.events = iq_events,
};
