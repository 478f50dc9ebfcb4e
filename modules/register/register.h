/* SPDX-License-Identifier: MIT */
/*
 * The module register: what its files share. register.c has the tables and says who asks; own.c is for those who have an account, stranger.c for those who want one, and rates.c counts
 * what these do.
 */
#ifndef MODULES_REGISTER_REGISTER_H
#define MODULES_REGISTER_REGISTER_H

#include <couplet/module.h>

struct register_config {
	bool open;
	struct cpl_str redirect;
	struct cpl_str instructions;
	struct cpl_str_list reserved;
	bool require_tls;
	int64_t min_name;
	int64_t min_password;
	int64_t period;
	int64_t per_address;
	int64_t tries_per_address;
	int64_t per_host;
};

extern struct cpl_name register_instructions, register_username, register_password, register_remove, register_registered, register_oob, register_url;
extern struct cpl_service_ref register_accounts;
extern struct cpl_permission register_may_change, register_may_remove;

/* What an IQ set has, be it in a form (XEP-0004), which takes precedence (XEP-0077 6), or in the fields of old. */
struct register_fields {
	struct cpl_str username; /* CPL_NONE: not there, or empty */
	struct cpl_str password;
};
struct register_fields register_fields_of(const struct cpl_stanza *iq, const struct cpl_element *query);
/* False for fewer characters than the option min_password wants. */
bool register_password_is_long(const struct register_config *config, struct cpl_str password);

/* The account's own IQs. */
enum cpl_flow own_get(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow own_set(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_element *query);

/* Those of a stream that has not authenticated. */
bool stranger_is_served(struct cpl_module *self, const struct cpl_session *session);
enum cpl_flow stranger_get(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow stranger_set(struct cpl_module *self, struct cpl_ev_stanza *ev, const struct cpl_element *query);
extern struct cpl_service_ref register_invites;
extern struct cpl_slot *const register_slots[];

/*
 * How often an address has tried to make an account, and how many have been made, within the option `period`. A try is counted before it is made; NULL, or why it may not be made. An
 * account that was made is counted in addition.
 */
const char *rates_try(struct cpl_host *host, const struct cpl_conn *conn, const struct register_config *config);
void rates_made(struct cpl_host *host, const char *peer);
extern struct cpl_slot rates_slot;

/* An IQ that is answered later. The event is suspended meanwhile. */
struct waiting {
	struct cpl_stanza *iq;
	struct cpl_session *session;
	struct cpl_suspension *suspension;
};
void waiting_begin(struct waiting *waiting, struct cpl_ev_stanza *ev);
/* Sends the answer (taken over; NULL: there is none) unless it comes too late, and goes on with the stream. */
void waiting_end(struct waiting *waiting, struct cpl_stanza *answer);

#endif
