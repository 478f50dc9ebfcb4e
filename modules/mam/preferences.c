/* SPDX-License-Identifier: MIT */
/* Archiving preferences (XEP-0441): read with the account, so that they are at hand for each message; shown, and changed. */
#include "modules/mam/mam.h"

static const char *const policies[] = {[CPL_ARCHIVE_ALWAYS] = "always", [CPL_ARCHIVE_ROSTER] = "roster", [CPL_ARCHIVE_NEVER] = "never"};
enum { POLICIES = sizeof(policies) / sizeof(*policies) };

/* ---- in memory ---- */

void mam_account_release(void *data)
{
	struct mam_account *account = data;

	cpl_free(account->preferences);
	cpl_free(account);
}

static struct cpl_str *copy_list(struct cpl_str **places, char **bytes, const struct cpl_str *items, size_t count)
{
	struct cpl_str *list = *places;

	for (size_t i = 0; i < count; i++) {
		memcpy(*bytes, items[i].ptr, items[i].len);
		list[i] = (struct cpl_str){*bytes, items[i].len};
		*bytes += items[i].len;
	}
	*places += count;
	return list;
}

/* In one block, which points into itself alone and so may outlive this code. */
static void set_preferences(struct cpl_user *user, const struct cpl_archive_preferences *preferences)
{
	size_t count = preferences->always_count + preferences->never_count, size = sizeof(*preferences) + count * sizeof(struct cpl_str);
	struct mam_account *account = CPL_SLOT_MAKE(user, mam_slot);
	struct cpl_archive_preferences *kept;
	struct cpl_str *places;
	char *bytes;

	for (size_t i = 0; i < preferences->always_count; i++)
		size += preferences->always[i].len;
	for (size_t i = 0; i < preferences->never_count; i++)
		size += preferences->never[i].len;
	kept = cpl_alloc(size);
	places = (struct cpl_str *)(kept + 1);
	bytes = (char *)(places + count);
	*kept = *preferences;
	kept->always = copy_list(&places, &bytes, preferences->always, preferences->always_count);
	kept->never = copy_list(&places, &bytes, preferences->never, preferences->never_count);
	cpl_free(account->preferences);
	account->preferences = kept;
	account->known = true;
}

/* ---- loading ---- */

struct load {
	struct cpl_archive_wishes wishes;
	struct cpl_suspension *suspension; /* NULL: part of a sweep */
	struct cpl_stanza *request;        /* what asks for them, referenced; NULL: the account is being loaded, or swept */
	int policy;                        /* for the answer: the default of who has said nothing */
	struct sweep *sweep;
	struct cpl_user *user;             /* of a sweep or a request: referenced; else kept by the load that waits for us */
};

enum { SWEEPS = 5, SWEEP_AGAIN_MS = 5000 }; /* the time before the second; twice that before the third, and so on */

/*
 * Accounts that were in memory before the module came, one after the other, so that no turn is long. Until its wishes are known nothing is archived for an account, so those that could not be
 * read are read again.
 */
struct sweep {
	struct cpl_call pause;
	struct cpl_module *self;
	char *host;              /* its name: it may go meanwhile */
	struct cpl_user **users; /* referenced */
	size_t next, count;
	size_t failed;
	unsigned number;         /* from 1 */
};

static void sweep_go_on(struct sweep *sweep);

static void load_free(struct load *load)
{
	cpl_arena_destroy(&load->wishes.arena);
	cpl_free(load);
}

static void answer(struct load *load, int status);

static void loaded(struct cpl_call *call)
{
	struct load *load = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_archive_wishes, call), struct load, wishes);

	/* When they are known already, what was set meanwhile is newer. */
	if (call->status == 0 && !mam_is_known(load->user)) {
		if (load->wishes.set)
			set_preferences(load->user, &load->wishes.preferences);
		else
			CPL_SLOT_MAKE(load->user, mam_slot)->known = true;
	}
	if (load->request) {
		answer(load, call->status);
	} else if (load->suspension) {
		cpl_resume(&load->suspension, call->status == 0 ? CPL_NEXT : CPL_DROP);
	} else {
		/* Who is removed has no wishes any more. */
		load->sweep->failed += call->status != 0 && call->status != CPL_E_CANCELLED;
		cpl_user_unref(&load->user);
		sweep_go_on(load->sweep);
	}
	load_free(load);
}

/* NULL: *status says why. */
static struct load *load_start(struct cpl_user *user, int *status)
{
	struct load *load = CPL_NEW(struct load);
	struct cpl_module *provider;
	const struct cpl_archive_service *archive = mam_archive(user->host, &provider);

	load->user = user;
	load->wishes.arena = cpl_arena_create();
	*status = archive ? archive->preferences_get(provider, &load->wishes, &user->scope, user->jid, loaded) : CPL_E_STOPPING;
	if (*status == 0)
		return load;
	load_free(load);
	return NULL;
}

enum cpl_flow mam_on_user_load(struct cpl_module *self, struct cpl_ev_user *ev)
{
	struct load *load;
	int status;

	if (mam_is_known(ev->user))
		return CPL_NEXT;
	load = load_start(ev->user, &status);
	if (!load) {
		cpl_log_error("archive preferences cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(ev->user->jid)), cpl_code_text(status));
		return CPL_DROP;
	}
	load->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

static void sweep_free(struct sweep *sweep)
{
	cpl_free(sweep->users);
	cpl_free(sweep->host);
	cpl_free(sweep);
}

static void sweep_start(struct sweep *sweep);

static void sweep_again(struct cpl_call *call)
{
	struct sweep *sweep = CPL_CONTAINER(call, struct sweep, pause);

	if (call->status == 0)
		sweep_start(sweep);
	else
		sweep_free(sweep);
}

static void sweep_end(struct sweep *sweep)
{
	bool again = sweep->failed && sweep->number < SWEEPS;

	if (sweep->failed && !again)
		cpl_log_error("archive preferences cannot be read, nothing is archived for these accounts until they are loaded anew, or mam is host=%s accounts=%zu", sweep->host, sweep->failed);
	/* A generation that has been replaced leaves it to the next one. */
	if (!again || cpl_timer_start(&sweep->pause, cpl_module_scope(sweep->self), (int64_t)SWEEP_AGAIN_MS << (sweep->number - 1), sweep_again) != 0)
		sweep_free(sweep);
}

static void sweep_go_on(struct sweep *sweep)
{
	struct load *load = NULL;
	int status;

	while (!load && sweep->next < sweep->count) {
		struct cpl_user *user = sweep->users[sweep->next++];

		if (!mam_is_known(user)) {
			load = load_start(user, &status);
			sweep->failed += !load && status != CPL_E_CANCELLED;
		}
		if (!load)
			cpl_user_unref(&user);
	}
	if (load)
		load->sweep = sweep;
	else
		sweep_end(sweep);
}

static void sweep_start(struct sweep *sweep)
{
	struct cpl_host *host = cpl_host_find(cpl_str_of(sweep->host));
	struct cpl_user *user;

	cpl_free(sweep->users);
	sweep->users = host ? cpl_alloc((host->users.count + 1) * sizeof(struct cpl_user *)) : NULL;
	sweep->next = sweep->count = sweep->failed = 0;
	sweep->number++;
	for (size_t at = 0; host && (user = cpl_map_next(&host->users, &at));)
		if (!mam_is_known(user))
			sweep->users[sweep->count++] = cpl_user_ref(user);
	sweep_go_on(sweep);
}

void mam_on_start(struct cpl_module *self, struct cpl_host *host)
{
	struct sweep *sweep = CPL_NEW(struct sweep);

	sweep->self = self;
	sweep->host = cpl_strdup(host->name);
	sweep_start(sweep);
}

/* ---- showing ---- */

static void add_list(struct cpl_stanza *result, struct cpl_element *prefs, const struct cpl_name *name, const struct cpl_str *items, size_t count)
{
	struct cpl_element *list = cpl_add(result, prefs, name);

	for (size_t i = 0; i < count; i++)
		cpl_add_with_text(result, list, &mam_name_jid, items[i]);
}

static void send_preferences(const struct cpl_stanza *request, const struct cpl_user *user, int policy)
{
	const struct mam_account *account = CPL_SLOT_GET(user, mam_slot);
	const struct cpl_archive_preferences none = {.policy = (enum cpl_archive_policy)policy};
	const struct cpl_archive_preferences *preferences = account && account->preferences ? account->preferences : &none;
	struct cpl_stanza *result = cpl_stanza_result(request);
	struct cpl_element *prefs = cpl_add(result, result->root, &mam_name_prefs);

	cpl_attr_set(result, prefs, "default", cpl_str_of(policies[(unsigned)preferences->policy < (unsigned)POLICIES ? preferences->policy : CPL_ARCHIVE_ALWAYS]));
	add_list(result, prefs, &mam_name_always, preferences->always, preferences->always_count);
	add_list(result, prefs, &mam_name_never, preferences->never, preferences->never_count);
	cpl_send(&result);
}

static void answer(struct load *load, int status)
{
	if (cpl_suspension_alive(load->suspension) && status == 0)
		send_preferences(load->request, load->user, load->policy);
	else if (cpl_suspension_alive(load->suspension))
		cpl_bounce(load->request, CPL_INTERNAL_SERVER_ERROR, NULL);
	cpl_resume(&load->suspension, CPL_HANDLED);
	cpl_stanza_unref(&load->request);
	cpl_user_unref(&load->user);
}

enum cpl_flow mam_on_prefs_get(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct mam_config *config = CPL_CONFIG(self, ev->host, struct mam_config);
	struct load *load;
	int status;

	if (!config->preferences)
		return cpl_iq_error(ev, CPL_FEATURE_NOT_IMPLEMENTED, NULL);
	if (mam_is_known(ev->user)) {
		send_preferences(ev->stanza, ev->user, config->policy);
		return CPL_HANDLED;
	}
	/* The module has come while the account was there, and has not read its wishes yet. */
	load = load_start(ev->user, &status);
	if (!load)
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	load->user = cpl_user_ref(ev->user);
	load->request = cpl_stanza_ref(ev->stanza);
	load->policy = config->policy;
	load->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- changing ---- */

struct change {
	struct cpl_archive_wishes wishes;
	struct cpl_suspension *suspension;
	struct cpl_stanza *request;  /* referenced */
	struct cpl_user *user;       /* referenced */
	struct cpl_archive_preferences preferences; /* in the request's arena */
};

static void change_free(struct change *change)
{
	cpl_stanza_unref(&change->request);
	cpl_user_unref(&change->user);
	cpl_free(change);
}

static void changed(struct cpl_call *call)
{
	struct change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_archive_wishes, call), struct change, wishes);
	bool alive = cpl_suspension_alive(change->suspension);

	if (call->status == 0)
		set_preferences(change->user, &change->preferences);
	if (alive && call->status == 0)
		send_preferences(change->request, change->user, 0);
	else if (alive)
		cpl_bounce(change->request, call->status == CPL_E_FULL ? CPL_RESOURCE_CONSTRAINT : CPL_INTERNAL_SERVER_ERROR, NULL);
	cpl_resume(&change->suspension, CPL_HANDLED);
	change_free(change);
}

struct reading {
	struct cpl_arena *arena;
	size_t left; /* addresses that the two lists may still name */
	enum cpl_condition condition;
	const char *fault;
};

static bool read_list(struct reading *reading, const struct cpl_element *list, const struct cpl_str **out, size_t *count)
{
	unsigned most = list ? cpl_child_count(list) : 0;
	struct cpl_str *items;
	struct cpl_jid jid;

	if (most > reading->left) {
		reading->condition = CPL_POLICY_VIOLATION;
		reading->fault = "The lists name more addresses than the server keeps";
		return false;
	}
	items = cpl_arena_alloc(reading->arena, (most + 1) * sizeof(*items));
	*count = 0;
	*out = items;
	for (const struct cpl_element *child = list ? cpl_first_child(list) : NULL; child; child = cpl_next_child(child)) {
		struct cpl_str text = cpl_str_trim(cpl_text_of(child, reading->arena));

		if (!cpl_is(child, &mam_name_jid) || cpl_jid_parse(&jid, text, reading->arena) != 0) {
			reading->condition = CPL_JID_MALFORMED;
			reading->fault = cpl_arena_printf(reading->arena, "\"%.*s\" is no address", CPL_ARG(text)).ptr;
			return false;
		}
		items[(*count)++] = cpl_jid_str(jid);
	}
	reading->left -= *count;
	return true;
}

static bool read_preferences(struct reading *reading, const struct cpl_element *e, struct cpl_archive_preferences *preferences)
{
	struct cpl_str policy = cpl_attr_get(e, "default");
	int found = -1;

	for (int i = 0; i < POLICIES; i++)
		if (cpl_str_is(policy, policies[i]))
			found = i;
	if (found < 0) {
		reading->condition = CPL_BAD_REQUEST;
		reading->fault = "The default is always, roster or never";
		return false;
	}
	preferences->policy = (enum cpl_archive_policy)found;
	return read_list(reading, cpl_child(e, &mam_name_always), &preferences->always, &preferences->always_count) &&
	       read_list(reading, cpl_child(e, &mam_name_never), &preferences->never, &preferences->never_count);
}

enum cpl_flow mam_on_prefs_set(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct mam_config *config = CPL_CONFIG(self, ev->host, struct mam_config);
	struct reading reading = {.arena = ev->stanza->arena, .left = (size_t)config->max_preferences};
	struct cpl_archive_preferences preferences;
	const struct cpl_archive_service *archive;
	struct cpl_module *provider;
	struct change *change;

	if (!config->preferences)
		return cpl_iq_error(ev, CPL_NOT_ALLOWED, "The administrator decides here what is archived");
	if (!read_preferences(&reading, cpl_first_child(ev->stanza->root), &preferences))
		return cpl_iq_error(ev, reading.condition, reading.fault);
	archive = mam_archive(ev->host, &provider);
	change = CPL_NEW(struct change);
	change->request = cpl_stanza_ref(ev->stanza);
	change->user = cpl_user_ref(ev->user);
	change->preferences = preferences;
	if (!archive || archive->preferences_set(provider, &change->wishes, &ev->user->scope, ev->user->jid, &preferences, changed) != 0) {
		change_free(change);
		return cpl_iq_error(ev, CPL_INTERNAL_SERVER_ERROR, NULL);
	}
	change->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}
