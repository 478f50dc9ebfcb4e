/* SPDX-License-Identifier: MIT */
/* What the files of the module privilege share: who may do what on a host, and what is done in others' names. */
#ifndef MODULES_PRIVILEGE_PRIVILEGE_H
#define MODULES_PRIVILEGE_PRIVILEGE_H

#include <couplet/module.h>

struct privilege_config {
	struct cpl_str_list roster_get, roster_set;
	bool roster_push;
	struct cpl_str_list message;
	struct cpl_str_list presence, presence_roster;
	int64_t presence_contacts;
	struct cpl_str_list iq_get, iq_set; /* "DOMAIN NAMESPACE" */
};

/* True when the sender is one of the domains on a list, itself and not an address of it. */
bool privilege_granted(const struct cpl_str_list *list, struct cpl_jid sender);
/* The same for a list of "DOMAIN NAMESPACE". */
bool privilege_granted_ns(const struct cpl_str_list *list, struct cpl_jid sender, struct cpl_str ns);

/* ---- behalf.c ---- */

extern struct cpl_name privilege_element, privilege_iq, privilege_forwarded;
/* A message of an entity to the host with one of an account inside (XEP-0356 5). */
enum cpl_flow privilege_on_message(struct cpl_module *self, struct cpl_ev_stanza *ev);
/* A request of an entity to an account with one of that account inside (XEP-0356 6), and whatever looks like it and is none. */
enum cpl_flow privilege_on_iq_request(struct cpl_module *self, struct cpl_ev_stanza *ev);

/* ---- contacts.c: presence of contacts that are not of the host (XEP-0356 7.4) ---- */

extern struct cpl_name privilege_delay;
CPL_SLOT_DECLARE(contacts_slot, HOST, struct contacts);
enum cpl_flow contacts_on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev);
/* An entity that may know of contacts is there, or has gone. */
void contacts_begin(struct cpl_module *self, struct cpl_host *host, const struct cpl_session *session);
void contacts_end(struct cpl_host *host, const struct cpl_session *session);

#endif
