/* SPDX-License-Identifier: MIT */
/* What the files of the module mam share: names, options, the archive's service, and what is known of an account. */
#ifndef MODULES_MAM_MAM_H
#define MODULES_MAM_MAM_H

#include <couplet/module.h>

struct mam_config {
	int policy; /* enum cpl_archive_policy */
	bool preferences;
	int64_t max_preferences;
	int64_t page_size;
	int64_t max_page_size;
	int64_t page_bytes;
};

#define MAM_NS "urn:xmpp:mam:2"
extern struct cpl_name mam_name_query, mam_name_metadata, mam_name_prefs, mam_name_stanza_id, mam_name_always, mam_name_never, mam_name_jid, mam_name_delay;
extern struct cpl_name *const mam_names[];

/* The provider's table; NULL when there is none on this host, which `needs` precludes but for the turn in which it goes. */
const struct cpl_archive_service *mam_archive(struct cpl_host *host, struct cpl_module **provider);

/* An account in memory: what it wishes, if it is anything but the default, and what it has sent and is on its way to archives, its own and others'. */
struct mam_account {
	struct cpl_archive_preferences *preferences; /* one block with the lists; NULL: none */
	bool known;                                  /* the wish, be there one or not */
	struct cpl_list keepings;                    /* of keep.c */
};
CPL_SLOT_DECLARE(mam_slot, USER, struct mam_account);

static inline bool mam_is_known(const struct cpl_user *user)
{
	const struct mam_account *account = CPL_SLOT_GET(user, mam_slot);

	return account && account->known;
}

/* ---- keep.c: what is archived, and how it is kept ---- */

enum cpl_flow mam_on_sent(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow mam_on_received(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow mam_on_undelivered(struct cpl_module *self, struct cpl_ev_stanza *ev);
/* The id that a message has in the archive of the account that it is for; CPL_NONE: it is not archived. */
struct cpl_str mam_id_of(const struct cpl_stanza *message, const struct cpl_user *user);

/* ---- worth.c: the answers of this module to may_archive, in their order ---- */

enum cpl_answer mam_heed_hints(struct cpl_module *self, struct cpl_ev_archive *ev);
enum cpl_answer mam_judge_content(struct cpl_module *self, struct cpl_ev_archive *ev);
enum cpl_answer mam_heed_preferences(struct cpl_module *self, struct cpl_ev_archive *ev);

/* ---- query.c: XEP-0313 as clients ask it ---- */

struct mam_query {
	struct cpl_archive_question question;
	struct cpl_str queryid; /* CPL_NONE: none */
	bool flip;
};
/* Reads <query/>, texts in the arena. False: wrong, with *condition and *text of what to answer. */
bool mam_query_read(struct mam_query *query, const struct cpl_element *e, const struct mam_config *config, struct cpl_arena *arena,
		    enum cpl_condition *condition, const char **text);
/* The form of all fields. */
enum cpl_flow mam_on_form(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow mam_on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev);

/* ---- answer.c: pages and metadata ---- */

enum cpl_flow mam_on_query(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow mam_on_metadata(struct cpl_module *self, struct cpl_ev_stanza *ev);

/* ---- seen.c: what a client has read is not sent again ---- */

extern struct cpl_slot *const mam_slots[];
void mam_note_seen(struct cpl_session *session, struct cpl_str id);
enum cpl_flow mam_on_out(struct cpl_module *self, struct cpl_ev_out *ev);

/* ---- preferences.c: XEP-0441 ---- */

void mam_account_release(void *data);
enum cpl_flow mam_on_user_load(struct cpl_module *self, struct cpl_ev_user *ev);
/* For accounts that were in memory before the module came. */
void mam_on_start(struct cpl_module *self, struct cpl_host *host);
enum cpl_flow mam_on_prefs_get(struct cpl_module *self, struct cpl_ev_stanza *ev);
enum cpl_flow mam_on_prefs_set(struct cpl_module *self, struct cpl_ev_stanza *ev);

/* ---- commands.c ---- */

extern const struct cpl_command mam_commands[];

#endif
