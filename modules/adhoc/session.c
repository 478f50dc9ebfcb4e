/* SPDX-License-Identifier: MIT */
/* Forms that are out: the sessions of XEP-0050, which end when the form has come back for good, and after ten minutes. */
#include "modules/adhoc/adhoc.h"

enum { EXPIRY_MS = 600000 };


void session_drop(struct adhoc *adhoc, struct form_session *session)
{
	cpl_list_remove(&session->node);
	adhoc->count--;
	cpl_jid_free(&session->owner);
	cpl_free(session->words);
	cpl_free(session);
}

static void release(void *data)
{
	struct adhoc *adhoc = data;

	while (!cpl_list_empty(&adhoc->sessions))
		session_drop(adhoc, CPL_CONTAINER(adhoc->sessions.next, struct form_session, node));
	cpl_free(adhoc);
}
CPL_SLOT_DEFINE(adhoc_slot, 1, release, NULL);

struct adhoc *adhoc_of(struct cpl_host *host)
{
	struct adhoc *adhoc = CPL_SLOT_MAKE(host, adhoc_slot);

	if (!adhoc->sessions.next)
		cpl_list_init(&adhoc->sessions);
	return adhoc;
}

/* Makes room: forms nobody came back with, then the oldest of those that are too many. */
static void session_sweep(struct adhoc *adhoc, const struct adhoc_config *config, struct cpl_jid owner)
{
	struct form_session *oldest = NULL;
	int64_t own = 0;

	CPL_LIST_EACH(node, &adhoc->sessions) {
		struct form_session *session = CPL_CONTAINER(node, struct form_session, node);

		if (session->running)
			continue;
		if (cpl_monotonic() - session->since > EXPIRY_MS) {
			session_drop(adhoc, session);
			continue;
		}
		if (!cpl_jid_equal_bare(session->owner, owner))
			continue;
		own++;
		if (!oldest)
			oldest = session;
	}
	if (oldest && own >= config->sessions_per_account)
		session_drop(adhoc, oldest);
	CPL_LIST_EACH(node, &adhoc->sessions) {
		struct form_session *session = CPL_CONTAINER(node, struct form_session, node);

		if ((int64_t)adhoc->count < config->sessions)
			break;
		if (!session->running)
			session_drop(adhoc, session);
	}
}

struct form_session *session_make(struct cpl_module *self, struct cpl_host *host, struct cpl_jid owner, const char *words)
{
	struct adhoc *adhoc = adhoc_of(host);
	struct form_session *session;

	session_sweep(adhoc, CPL_CONFIG(self, host, struct adhoc_config), owner);
	session = CPL_NEW(struct form_session);
	cpl_random_id(session->id);
	session->owner = cpl_jid_dup(owner);
	session->words = cpl_strdup(cpl_str_of(words));
	session->since = cpl_monotonic();
	cpl_list_append(&adhoc->sessions, &session->node);
	adhoc->count++;
	return session;
}

struct form_session *session_with(struct adhoc *adhoc, struct cpl_str id)
{
	if (!adhoc)
		return NULL;
	CPL_LIST_EACH(node, &adhoc->sessions) {
		struct form_session *session = CPL_CONTAINER(node, struct form_session, node);

		if (cpl_str_is(id, session->id))
			return session;
	}
	return NULL;
}

struct form_session *session_find(struct cpl_host *host, struct cpl_str id, struct cpl_jid owner, const char *words)
{
	struct form_session *session = session_with(adhoc_of(host), id);

	if (!session || !cpl_jid_equal(session->owner, owner) || strcmp(session->words, words) != 0)
		return NULL;
	return cpl_monotonic() - session->since > EXPIRY_MS && !session->running ? NULL : session;
}
