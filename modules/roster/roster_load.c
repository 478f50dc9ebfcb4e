/* SPDX-License-Identifier: MIT */
/* Rosters between disk and memory: rows, items, and the loading of an account's part. */
#include "modules/roster/roster.h"

/* More rows than any bound on items: what is there is read. */
enum { ROSTER_ROWS_MAX = 1000000 };

static const char *const subscriptions[] = {
	[CPL_SUB_NONE] = "none", [CPL_SUB_TO] = "to", [CPL_SUB_FROM] = "from", [CPL_SUB_BOTH] = "both"};

/* ---- items ---- */

static size_t item_texts(const struct cpl_roster_item *item)
{
	size_t bytes = cpl_jid_str(item->jid).len + item->name.len;

	for (unsigned i = 0; i < item->group_count; i++)
		bytes += item->groups[i].len;
	return bytes;
}

static struct cpl_str put_text(char **at, struct cpl_str text)
{
	struct cpl_str copy = {text.ptr ? *at : NULL, text.len};

	if (text.len)
		memcpy(*at, text.ptr, text.len); /* UNSAFE: the block was measured by item_texts() */
	*at += text.len;
	return copy;
}

struct cpl_roster_item *roster_item_dup(const struct cpl_roster_item *item)
{
	struct cpl_roster_item *copy = cpl_alloc(sizeof *copy + item->group_count * sizeof(struct cpl_str) + item_texts(item));
	char *at;

	*copy = *item;
	copy->groups = (struct cpl_str *)(void *)(copy + 1);
	at = (char *)(copy->groups + item->group_count);
	copy->jid.text = put_text(&at, cpl_jid_str(item->jid)).ptr;
	copy->name = put_text(&at, item->name);
	for (unsigned i = 0; i < item->group_count; i++)
		copy->groups[i] = put_text(&at, item->groups[i]);
	if (copy->request)
		copy->request = cpl_stanza_ref(copy->request);
	return copy;
}

void roster_item_free(struct cpl_roster_item **item)
{
	if (!*item)
		return;
	cpl_stanza_unref(&(*item)->request);
	CPL_FREE(*item);
}

/* ---- rows ---- */

/* Groups in one column: a line each, with backslash and newline escaped. */
static struct cpl_str groups_join(const struct cpl_roster_item *item, struct cpl_arena *arena)
{
	struct cpl_buf text = {0};
	struct cpl_str joined;

	for (unsigned i = 0; i < item->group_count; i++) {
		if (i > 0)
			cpl_buf_add_char(&text, '\n');
		for (size_t j = 0; j < item->groups[i].len; j++) {
			char c = item->groups[i].ptr[j];

			if (c == '\\' || c == '\n')
				cpl_buf_add_char(&text, '\\');
			cpl_buf_add_char(&text, c == '\n' ? 'n' : c);
		}
	}
	joined = item->group_count ? cpl_arena_copy(arena, cpl_buf_str(&text)) : CPL_NONE;
	cpl_buf_finish(&text);
	return joined;
}

static struct cpl_str group_unescape(struct cpl_str line, struct cpl_arena *arena)
{
	char *out = cpl_arena_alloc(arena, line.len + 1);
	size_t len = 0;

	for (size_t i = 0; i < line.len; i++) {
		char c = line.ptr[i];

		if (c == '\\' && i + 1 < line.len)
			c = line.ptr[++i] == 'n' ? '\n' : line.ptr[i];
		out[len++] = c;
	}
	return (struct cpl_str){out, len};
}

static void groups_split(struct cpl_roster_item *item, struct cpl_str joined, struct cpl_arena *arena)
{
	struct cpl_str rest = joined, line;

	if (!joined.ptr)
		return;
	item->groups = cpl_arena_alloc(arena, ROSTER_GROUPS_MAX * sizeof(struct cpl_str));
	while (item->group_count < ROSTER_GROUPS_MAX && cpl_str_split(&rest, '\n', &line))
		item->groups[item->group_count++] = group_unescape(line, arena);
}

void roster_item_values(const struct cpl_roster_item *item, struct cpl_value values[ROSTER_COLUMNS], struct cpl_arena *arena)
{
	struct cpl_str groups = groups_join(item, arena);

	values[0] = CPL_BYTES(item->name);
	values[1] = CPL_BYTES(cpl_str_of(subscriptions[item->subscription & CPL_SUB_BOTH]));
	values[2] = CPL_INTEGER(item->ask);
	values[3] = CPL_INTEGER(item->approved);
	values[4] = CPL_BYTES(groups);
}

static uint8_t subscription_of(struct cpl_str text)
{
	for (uint8_t i = 0; i < sizeof subscriptions / sizeof *subscriptions; i++)
		if (cpl_str_is(text, subscriptions[i]))
			return i;
	return CPL_SUB_NONE;
}

/* ---- loading ---- */

/* The accounts of a host that a start has found, each with a reference until it has been read. */
struct roster_sweep {
	struct cpl_user **users;
	size_t count, next, under_way;
};

struct roster_load {
	struct cpl_suspension *suspension; /* of the event user_load; NULL at a start */
	struct roster_sweep *sweep;	   /* of a start */
	struct cpl_user *user;		   /* kept by the load that waits for us, or by the sweep */
	struct roster *roster;
	struct cpl_store_call rows, requests, version;
	unsigned waiting; /* for so many of these three */
	int status;	  /* the first that failed */
};

/* The item for a contact, made if need be; NULL for a key that is no address. */
static struct cpl_roster_item *item_for(struct roster *roster, struct cpl_str key, struct cpl_arena *arena)
{
	struct cpl_roster_item blank = {0}, *item;

	if (cpl_jid_parse(&blank.jid, key, arena) != 0) {
		cpl_log_error("roster row is no address jid=%.*s", CPL_ARG(cpl_jid_str(roster->user->jid)));
		return NULL;
	}
	item = cpl_map_get(&roster->pub.items, cpl_jid_str(blank.jid));
	if (item)
		return item;
	item = roster_item_dup(&blank);
	cpl_map_put(&roster->pub.items, cpl_jid_str(item->jid), item);
	return item;
}

bool roster_item_of_row(struct cpl_roster_item *item, const struct cpl_row *row, struct cpl_arena *arena)
{
	*item = (struct cpl_roster_item){0};
	if (cpl_jid_parse(&item->jid, row->key, arena) != 0)
		return false;
	item->name = row->values[0].bytes;
	item->subscription = subscription_of(row->values[1].bytes);
	item->ask = row->values[2].integer != 0;
	item->approved = row->values[3].integer != 0;
	item->listed = true;
	groups_split(item, row->values[4].bytes, arena);
	return true;
}

static void load_item(struct roster *roster, const struct cpl_row *row)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_roster_item item, *stored, *before;

	if (!roster_item_of_row(&item, row, arena)) {
		cpl_log_error("roster row is no address jid=%.*s", CPL_ARG(cpl_jid_str(roster->user->jid)));
		cpl_arena_destroy(&arena);
		return;
	}
	stored = roster_item_dup(&item);
	before = cpl_map_put(&roster->pub.items, cpl_jid_str(stored->jid), stored);
	/* A request of the same contact, where the rows of requests came first. */
	if (before)
		stored->request = cpl_stanza_ref(before->request);
	roster_item_free(&before);
	roster->pub.listed++;
	roster->stored++;
	cpl_arena_destroy(&arena);
}

static void load_request(struct roster *roster, const struct cpl_row *row)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_error error;
	struct cpl_roster_item *item = item_for(roster, row->key, arena);
	struct cpl_stanza *stanza = item ? cpl_stanza_read(row->values[0].bytes, &error) : NULL;

	if (stanza) {
		item->request = cpl_stanza_compact(stanza);
		cpl_stanza_unref(&stanza);
	} else if (item) {
		cpl_log_error("stored subscription request cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(roster->user->jid)), error.text);
	}
	cpl_arena_destroy(&arena);
}

static void sweep_one_less(struct roster_sweep *sweep, struct cpl_user *user);

/* Without a roster an account in use is no good: its sessions may try again. */
static void load_failed(struct cpl_user *user, int status)
{
	if (status == CPL_E_CANCELLED || status == CPL_E_STOPPING)
		return;
	cpl_log_error("roster cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(user->jid)), cpl_code_text(status));
	cpl_user_close_sessions(user, NULL, CPL_STREAM_RESET, "The roster cannot be read");
}

static void load_end(struct roster_load *load, int status)
{
	if (status == 0)
		cpl_user_set_roster(load->user, &load->roster->pub);
	else
		load_failed(load->user, status);
	if (load->sweep) {
		if (status != 0)
			CPL_SLOT_CLEAR(load->user, roster_slot);
		sweep_one_less(load->sweep, load->user);
	} else {
		cpl_resume(&load->suspension, status == 0 ? CPL_NEXT : CPL_DROP);
	}
	cpl_free(load);
}

static void load_part(struct roster_load *load, int status)
{
	if (load->status == 0)
		load->status = status;
	if (--load->waiting == 0)
		load_end(load, load->status);
}

static void load_items(struct cpl_call *call)
{
	struct roster_load *load = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct roster_load, rows);

	for (size_t i = 0; call->status == 0 && i < load->rows.count; i++)
		load_item(load->roster, &load->rows.rows[i]);
	load_part(load, call->status);
}

static void load_requests(struct cpl_call *call)
{
	struct roster_load *load = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct roster_load, requests);

	for (size_t i = 0; call->status == 0 && i < load->requests.count; i++)
		load_request(load->roster, &load->requests.rows[i]);
	load_part(load, call->status);
}

static void load_version(struct cpl_call *call)
{
	struct roster_load *load = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct roster_load, version);

	if (call->status == 0 && load->version.count == 1)
		load->roster->pub.version = (uint64_t)load->version.rows[0].values[0].integer;
	load_part(load, call->status);
}

/* NULL when nothing can be read at all. The three parts are asked for at once: one way to the storage thread and back, not three. */
static struct roster_load *load_begin(struct cpl_user *user, int *status)
{
	struct roster_load *load = CPL_NEW(struct roster_load);
	struct cpl_scope *scope = &user->scope;

	load->user = user;
	load->roster = CPL_SLOT_MAKE(user, roster_slot);
	load->roster->user = user;
	cpl_list_init(&load->roster->queue);
	*status = cpl_store_all(&load->rows, scope, &roster_store, user->jid, ROSTER_ROWS_MAX, load_items);
	if (*status != 0) {
		CPL_FREE(load);
		return NULL;
	}
	load->waiting = 3;
	*status = cpl_store_all(&load->requests, scope, &roster_request_store, user->jid, ROSTER_ROWS_MAX, load_requests);
	if (*status != 0)
		load_part(load, *status);
	*status = cpl_store_get(&load->version, scope, &roster_version_store, user->jid, CPL_NONE, load_version);
	if (*status != 0)
		load_part(load, *status);
	*status = 0;
	return load;
}

enum cpl_flow roster_on_user_load(struct cpl_module *self, struct cpl_ev_user *ev)
{
	struct roster_load *load;
	int status;

	if (ev->user->roster)
		return CPL_NEXT;
	load = load_begin(ev->user, &status);
	if (!load) {
		cpl_log_error("roster cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(ev->user->jid)), cpl_code_text(status));
		return CPL_DROP;
	}
	load->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

/* ---- at a start ---- */

static void sweep_go_on(struct roster_sweep *sweep)
{
	enum { AT_A_TIME = 16 };

	while (sweep->under_way < AT_A_TIME && sweep->next < sweep->count) {
		struct cpl_user *user = sweep->users[sweep->next++];
		struct roster_load *load = NULL;
		int status = 0;

		if (!user->roster && !CPL_SLOT_GET(user, roster_slot))
			load = load_begin(user, &status);
		if (load) {
			load->sweep = sweep;
			sweep->under_way++;
			continue;
		}
		if (status != 0) {
			load_failed(user, status);
			CPL_SLOT_CLEAR(user, roster_slot);
		}
		cpl_user_unref(&user);
	}
	if (sweep->under_way > 0)
		return;
	cpl_free(sweep->users);
	cpl_free(sweep);
}

static void sweep_one_less(struct roster_sweep *sweep, struct cpl_user *user)
{
	sweep->under_way--;
	cpl_user_unref(&user);
	sweep_go_on(sweep);
}

void roster_on_start(struct cpl_module *self, struct cpl_host *host)
{
	struct roster_sweep *sweep = CPL_NEW(struct roster_sweep);
	struct cpl_user *user;
	size_t at = 0;

	sweep->users = cpl_alloc((host->users.count + 1) * sizeof(struct cpl_user *));
	while ((user = cpl_map_next(&host->users, &at)))
		if (!user->roster)
			sweep->users[sweep->count++] = cpl_user_ref(user);
	sweep_go_on(sweep);
}

void roster_release(void *data)
{
	struct roster *roster = data;
	struct cpl_roster_item *item;
	size_t at = 0;

	if (roster->user && roster->user->roster == &roster->pub)
		cpl_user_set_roster(roster->user, NULL);
	while ((item = cpl_map_next(&roster->pub.items, &at)))
		roster_item_free(&item);
	cpl_map_finish(&roster->pub.items);
	roster_share_release(roster);
	cpl_free(roster);
}
