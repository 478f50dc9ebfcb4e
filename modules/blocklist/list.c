/* SPDX-License-Identifier: MIT */
/* Lists between disk and memory: loading and changing. */
#include "modules/blocklist/blocklist.h"

/* More than any bound on items: what is there is read. */
enum { ROWS_MAX = 1000000 };

/* ---- in memory ---- */

static unsigned kind_of(struct cpl_jid jid)
{
	return jid.resource_len ? CPL_BLOCKS_FULL : jid.local_len ? CPL_BLOCKS_BARE : CPL_BLOCKS_DOMAIN;
}

void blocklist_release(void *data)
{
	struct blocklist *list = data;
	char *text;
	size_t at = 0;

	if (list->user && list->user->blocklist == &list->pub)
		cpl_user_set_blocklist(list->user, NULL);
	while ((text = cpl_map_next(&list->pub.items, &at)))
		cpl_free(text);
	cpl_map_finish(&list->pub.items);
	cpl_free(list);
}

static void add(struct cpl_user *user, struct cpl_jid jid)
{
	struct blocklist *list = CPL_SLOT_MAKE(user, blocklist_slot);
	struct cpl_str key = cpl_jid_str(jid);
	char *text = cpl_strdup(key);

	list->user = user;
	cpl_free(cpl_map_put(&list->pub.items, (struct cpl_str){text, key.len}, text));
	list->pub.kinds |= kind_of(jid);
	cpl_user_set_blocklist(user, &list->pub);
}

/* `kinds` may name more than there are: that costs a look-up, no more. */
static void take(struct cpl_user *user, struct cpl_jid jid)
{
	struct blocklist *list = CPL_SLOT_GET(user, blocklist_slot);

	if (!list)
		return;
	cpl_free(cpl_map_remove(&list->pub.items, cpl_jid_str(jid)));
	if (list->pub.items.count)
		return;
	list->pub.kinds = 0;
	cpl_user_set_blocklist(user, NULL);
}

struct cpl_str blocklist_next(const struct cpl_user *user, size_t *at)
{
	const struct cpl_blocklist *list = user->blocklist;

	return list ? cpl_str_of(cpl_map_next(&list->items, at)) : CPL_NONE;
}

/* ---- loading ---- */

struct load {
	struct cpl_store_call rows;
	struct cpl_suspension *suspension; /* NULL: late */
	struct cpl_user *user;             /* late: referenced; else kept by the load that waits for us */
};

static void loaded(struct cpl_call *call)
{
	struct load *load = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct load, rows);
	struct cpl_arena *arena = cpl_arena_create();

	for (size_t i = 0; call->status == 0 && i < load->rows.count; i++) {
		struct cpl_jid jid;

		if (cpl_jid_parse(&jid, load->rows.rows[i].key, arena) == 0)
			add(load->user, jid);
		else
			cpl_log_error("blocklist row is no address jid=%.*s", CPL_ARG(cpl_jid_str(load->user->jid)));
	}
	if (call->status != 0 && call->status != CPL_E_CANCELLED)
		cpl_log_error("blocklist cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(load->user->jid)), load->rows.error);
	/* Nobody whose list is not known is served. */
	if (load->suspension)
		cpl_resume(&load->suspension, call->status == 0 ? CPL_NEXT : CPL_DROP);
	else
		cpl_user_unref(&load->user);
	cpl_arena_destroy(&arena);
	cpl_free(load);
}

static int load_start(struct load *load)
{
	return cpl_store_all(&load->rows, &load->user->scope, &blocklist_store, load->user->jid, ROWS_MAX, loaded);
}

enum cpl_flow blocklist_on_user_load(struct cpl_module *self, struct cpl_ev_user *ev)
{
	struct load *load = CPL_NEW(struct load);
	int status;

	load->user = ev->user;
	status = load_start(load);
	if (status != 0) {
		cpl_log_error("blocklist cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(ev->user->jid)), cpl_code_text(status));
		cpl_free(load);
		return CPL_DROP;
	}
	load->suspension = cpl_suspend(&ev->event);
	return CPL_SUSPENDED;
}

void blocklist_load_late(struct cpl_user *user)
{
	struct load *load = CPL_NEW(struct load);

	load->user = cpl_user_ref(user);
	if (load_start(load) == 0)
		return;
	cpl_user_unref(&load->user);
	cpl_free(load);
}

/* ---- changing ---- */

struct blocklist_change *blocklist_change_create(struct cpl_user *user, bool block, size_t max)
{
	struct blocklist_change *change = CPL_NEW(struct blocklist_change);

	change->user = cpl_user_ref(user);
	change->block = block;
	change->arena = cpl_arena_create();
	change->items = cpl_arena_alloc(change->arena, (max ? max : 1) * sizeof *change->items);
	return change;
}

void blocklist_change_free(struct blocklist_change *change)
{
	cpl_arena_destroy(&change->arena);
	cpl_user_unref(&change->user);
	cpl_free(change);
}

static void apply(struct blocklist_change *change, struct cpl_jid jid)
{
	struct cpl_ev_block ev = {.user = change->user, .jid = jid, .blocked = change->block};
	bool listed = change->user->blocklist && cpl_map_get(&change->user->blocklist->items, cpl_jid_str(jid));

	if (listed == change->block)
		return;
	if (change->block)
		add(change->user, jid);
	else
		take(change->user, jid);
	cpl_fire_block_changed(change->user->host, &ev);
}

/* All that is listed now, and not what was when the change began. */
static void apply_all(struct blocklist_change *change)
{
	for (;;) {
		size_t at = 0;
		struct cpl_str text = blocklist_next(change->user, &at);
		struct cpl_jid jid;

		if (!text.ptr || cpl_jid_parse(&jid, cpl_arena_copy(change->arena, text), change->arena) != 0)
			return;
		apply(change, jid);
	}
}

static void committed(struct cpl_call *call)
{
	struct blocklist_change *change = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct blocklist_change, commit);

	if (call->status == 0) {
		for (size_t i = 0; i < change->count; i++)
			apply(change, change->items[i].jid);
		if (change->all)
			apply_all(change);
		blocklist_push(change);
	} else if (call->status != CPL_E_CANCELLED) {
		cpl_log(cpl_commit_log_level(call->status), "blocklist cannot be written jid=%.*s reason=%s",
			CPL_ARG(cpl_jid_str(change->user->jid)), change->commit.error);
	}
	change->done(change, call->status);
}

int blocklist_change_start(struct cpl_module *self, struct blocklist_change *change, void (*done)(struct blocklist_change *change, int status))
{
	const struct cpl_blocklist *list = change->user->blocklist;
	struct cpl_batch *batch = cpl_batch_create();
	size_t count = list ? list->items.count : 0;

	change->done = done;
	for (size_t i = 0; i < change->count; i++) {
		struct cpl_str key = cpl_jid_str(change->items[i].jid);

		if (change->block)
			cpl_batch_set(batch, &blocklist_store, change->user->jid, key, change->items[i].values);
		else
			cpl_batch_remove(batch, &blocklist_store, change->user->jid, key);
		count += !list || !cpl_map_get(&list->items, key);
	}
	if (change->all)
		cpl_batch_remove(batch, &blocklist_store, change->user->jid, CPL_NONE);
	if (change->block && count > (size_t)CPL_CONFIG(self, change->user->host, struct blocklist_config)->max_items) {
		cpl_batch_destroy(&batch);
		return CPL_E_FULL;
	}
	return cpl_batch_commit(&change->commit, &change->user->scope, &batch, committed);
}
