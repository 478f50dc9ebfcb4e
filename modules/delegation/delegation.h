/* SPDX-License-Identifier: MIT */
/* What the files of the module delegation share: what is delegated to whom, and what the module keeps for a host. */
#ifndef MODULES_DELEGATION_DELEGATION_H
#define MODULES_DELEGATION_DELEGATION_H

#include <couplet/module.h>

#define NS_DELEGATION "urn:xmpp:delegation:2"
#define NS_INFO	      "http://jabber.org/protocol/disco#info"
#define NS_ITEMS      "http://jabber.org/protocol/disco#items"

struct delegation_config {
	struct cpl_str_list delegate; /* "DOMAIN NAMESPACE [ATTRIBUTE ...]" */
	int64_t timeout;
	int64_t pending, pending_per_account;
};

/* One entry of the option. */
struct delegated {
	struct cpl_str domain, ns;
	struct cpl_str attributes; /* separated by blanks; CPL_NONE: none */
};

/* False when there is no namespace. */
bool delegated_read(struct cpl_str entry, struct delegated *out);
/* True for a name that stands for a way of asking (7.2.4, 7.2.5) and not for the namespace of a payload. */
bool delegated_is_special(struct cpl_str ns);

/* What is kept for a host, over reloads too. */
struct delegation_host {
	struct cpl_list entities; /* struct entity */
	struct cpl_list nested;	  /* struct nested */
	uint32_t pending;	  /* requests that are with entities */
};
CPL_SLOT_DECLARE(delegation_slot, HOST, struct delegation_host);
struct delegation_host *delegation_of(struct cpl_host *host);

extern struct cpl_name delegation_element, delegation_forwarded, delegation_info;

/* ---- nested.c: who has been told what, and what entities say of their features (7.2) ---- */

/* Tells each entity what is delegated to it where that is not what it was told last, and asks it for its features. */
void nested_update(struct cpl_module *self, struct cpl_host *host);
void nested_release(struct delegation_host *of);
void nested_on_component_ready(struct cpl_module *self, struct cpl_ev_component *ev);
void nested_on_component_gone(struct cpl_module *self, struct cpl_ev_component *ev);
void nested_on_disco_info(struct cpl_module *self, struct cpl_ev_disco *ev);

extern struct cpl_name nested_delegated, nested_attribute, nested_identity, nested_feature, nested_form, nested_field, nested_value;

/* ---- forward.c: requests to entities, and their answers (4.3) ---- */

enum cpl_flow forward_start(struct cpl_module *self, struct cpl_ev_stanza *ev, struct cpl_str domain);
CPL_SLOT_DECLARE(forward_slot, USER, struct forward_count);

#endif
