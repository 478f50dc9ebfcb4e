/* SPDX-License-Identifier: MIT */
/*
 * archive_memory: archives of messages that are kept in memory and end with the server, instead of the bundled module `archive`, which it replaces; the module mam, which clients talk to, stays.
 * Provides the service "archive".
 *
 *     modules: [tls, auth, bind, roster, presence, message, iq, archive_memory, mam]
 *     archive_memory: {max_messages: 100}
 */
#include <couplet/module.h>

#include <stdio.h>

struct memory_config {
	int64_t max_messages;
};
static const struct cpl_option options[] = {
	CPL_OPT_INT(struct memory_config, max_messages, "1000", "1", "100000", CPL_RELOADABLE, "The most messages kept for an account; the oldest go when there are more."),
	CPL_OPT_END,
};

/* ---- the archives of a host, in its slot: a reload finds them there ---- */

struct message {
	char id[CPL_ARCHIVE_ID_MAX + 1];
	int64_t when;
	struct cpl_jid with;
	struct cpl_buf stanza;
};
struct box {
	struct cpl_jid account;
	struct message **messages; /* the oldest first */
	size_t count, room;
	struct cpl_arena *wishes;  /* of the preferences; NULL: none */
	struct cpl_archive_preferences preferences;
};
struct boxes {
	struct cpl_map by_account;
};

static void drop_messages(struct box *box, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cpl_jid_free(&box->messages[i]->with);
		cpl_buf_finish(&box->messages[i]->stanza);
		cpl_free(box->messages[i]);
	}
	box->count -= count;
	memmove(box->messages, box->messages + count, box->count * sizeof(struct message *));
}

static void box_free(struct box *box)
{
	if (box->count)
		drop_messages(box, box->count);
	cpl_arena_destroy(&box->wishes);
	cpl_jid_free(&box->account);
	cpl_free(box->messages);
	cpl_free(box);
}

static void release(void *data)
{
	struct boxes *boxes = data;
	struct box *box;

	for (size_t at = 0; (box = cpl_map_next(&boxes->by_account, &at));)
		box_free(box);
	cpl_map_finish(&boxes->by_account);
	cpl_free(boxes);
}
CPL_SLOT(boxes_slot, HOST, struct boxes, 1, release);
static struct cpl_slot *const slots[] = {&boxes_slot, NULL};

/* The account's box, made at first use. */
static struct box *box_of(struct cpl_host *host, struct cpl_jid account)
{
	struct boxes *boxes = CPL_SLOT_MAKE(host, boxes_slot);
	struct box *box = cpl_map_get(&boxes->by_account, cpl_jid_str(cpl_jid_bare(account)));

	if (box)
		return box;
	box = CPL_NEW(struct box);
	box->account = cpl_jid_dup(cpl_jid_bare(account));
	cpl_map_put(&boxes->by_account, cpl_jid_str(box->account), box);
	return box;
}

static void on_removed(struct cpl_module *self, struct cpl_ev_account *ev)
{
	struct boxes *boxes = CPL_SLOT_MAKE(ev->host, boxes_slot);
	struct box *box = cpl_map_remove(&boxes->by_account, cpl_jid_str(cpl_jid_bare(ev->jid)));

	if (box)
		box_free(box);
}
static const struct cpl_event_row events[] = {CPL_ON(account_removed, on_removed, FEATURE, 0), CPL_ON_END};

/*
 * Begins the caller's call, and finds the account's box; from here to end() what is allocated is this module's and not the caller's. NULL: *status says why. What a call is told comes later in any
 * case, though all is at hand.
 */
static struct box *begin(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call),
			 struct cpl_visit *visit, int *status)
{
	struct cpl_host *host = cpl_host_find(cpl_jid_domain(account));

	*status = host ? cpl_call_begin(call, scope, done, NULL) : CPL_E_NOT_FOUND;
	if (*status != 0)
		return NULL;
	cpl_provider_enter(provider, visit);
	return box_of(host, account);
}

static int end(struct cpl_call *call, const struct cpl_visit *visit, int status)
{
	cpl_provider_leave(visit);
	cpl_call_complete(call, status);
	return 0;
}

/* ---- appending ---- */

static int append(struct cpl_module *provider, struct cpl_archive_append *request, struct cpl_scope *scope, struct cpl_jid account, int64_t when,
		  struct cpl_jid with, const struct cpl_stanza *stanza, void (*done)(struct cpl_call *call))
{
	const struct memory_config *config = CPL_CONFIG(provider, cpl_host_find(cpl_jid_domain(account)), struct memory_config);
	struct cpl_visit visit;
	int status;
	struct box *box = begin(provider, &request->call, scope, account, done, &visit, &status);
	struct message *message;
	char id[CPL_ID_TEXT];

	if (!box)
		return status;
	if (box->count >= (size_t)config->max_messages)
		drop_messages(box, 1);
	if (box->count == box->room) {
		box->room = box->room ? 2 * box->room : 8;
		box->messages = cpl_realloc(box->messages, box->room * sizeof(struct message *));
	}
	message = CPL_NEW(struct message);
	message->when = when;
	message->with = cpl_jid_dup(with);
	cpl_stanza_write(stanza, CPL_NS_CLIENT, &message->stanza);
	snprintf(message->id, sizeof(message->id), "memory-%s", cpl_random_id(id).ptr);
	memcpy(request->id, message->id, sizeof(request->id));
	box->messages[box->count++] = message;
	return end(&request->call, &visit, 0);
}

/* ---- asking ---- */

/* Its place, or count when it is not there. */
static size_t place_of(const struct box *box, struct cpl_str id)
{
	size_t i = 0;

	while (i < box->count && !cpl_str_is(id, box->messages[i]->id))
		i++;
	return i;
}

static bool is_named(const struct cpl_archive_question *question, const struct message *message)
{
	for (size_t i = 0; i < question->id_count; i++)
		if (cpl_str_is(question->ids[i], message->id))
			return true;
	return question->id_count == 0;
}

static bool meets(const struct cpl_archive_question *question, const struct message *message)
{
	struct cpl_jid with = cpl_jid_is_full(question->with) ? message->with : cpl_jid_bare(message->with);

	return (!cpl_jid_is_set(question->with) || cpl_jid_equal(with, question->with)) && (!question->start || message->when >= question->start) &&
	       (!question->end || message->when <= question->end) && is_named(question, message);
}

/* The places that `after` and `before` leave. False: one of them is not there. */
static bool narrow(const struct box *box, struct cpl_str after, struct cpl_str before, size_t *first, size_t *end)
{
	size_t place;

	if (after.ptr) {
		place = place_of(box, after);
		if (place == box->count)
			return false;
		*first = place + 1 > *first ? place + 1 : *first;
	}
	if (before.ptr) {
		place = place_of(box, before);
		if (place == box->count)
			return false;
		*end = place < *end ? place : *end;
	}
	return true;
}

static struct cpl_archive_item item_of(const struct message *message, struct cpl_arena *arena)
{
	return (struct cpl_archive_item){cpl_arena_copy(arena, cpl_str_of(message->id)), message->when, cpl_arena_copy(arena, cpl_jid_str(message->with)),
					 cpl_arena_copy(arena, cpl_buf_str(&message->stanza))};
}

/* Fills the page from its end or its beginning; the items are in the order of the archive. */
static void fill(struct cpl_archive_page *page, const struct cpl_archive_question *question, const struct box *box, size_t first, size_t end)
{
	struct cpl_archive_item *items = cpl_arena_alloc(page->arena, (question->max + 1) * sizeof(*items));
	size_t found = 0, bytes = 0;

	page->complete = question->max > 0;
	for (size_t i = 0; i + first < end; i++) {
		const struct message *message = box->messages[question->backwards ? end - 1 - i : first + i];

		if (!meets(question, message))
			continue;
		bytes += message->stanza.len;
		if (found == question->max || (found && question->max_bytes && bytes > question->max_bytes)) {
			page->complete = false;
			break;
		}
		items[question->backwards ? question->max - ++found : found++] = item_of(message, page->arena);
	}
	page->items = question->backwards ? items + (question->max - found) : items;
	page->item_count = found;
}

static int answer(struct cpl_archive_page *page, const struct cpl_archive_question *question, const struct box *box)
{
	size_t first = 0, end = box->count;

	for (size_t i = 0; i < question->id_count; i++)
		if (place_of(box, question->ids[i]) == box->count)
			return CPL_E_NOT_FOUND;
	if (!narrow(box, question->after, question->before, &first, &end))
		return CPL_E_NOT_FOUND;
	page->total = 0;
	for (size_t i = first; question->count && i < end; i++)
		page->total += meets(question, box->messages[i]);
	if (!narrow(box, question->page_after, question->page_before, &first, &end))
		return CPL_E_NOT_FOUND;
	fill(page, question, box, first, end);
	return 0;
}

static int ask(struct cpl_module *provider, struct cpl_archive_page *request, struct cpl_scope *scope, struct cpl_jid account,
	       const struct cpl_archive_question *question, void (*done)(struct cpl_call *call))
{
	struct cpl_visit visit;
	struct box *box;
	int status;

	if (question->max > CPL_ARCHIVE_PAGE_MAX || question->id_count > CPL_ARCHIVE_IDS_MAX)
		return CPL_E_INVALID;
	box = begin(provider, &request->call, scope, account, done, &visit, &status);
	return box ? end(&request->call, &visit, answer(request, question, box)) : status;
}

/* ---- the rest ---- */

static int purge(struct cpl_module *provider, struct cpl_archive_purge *request, struct cpl_scope *scope, struct cpl_jid account, int64_t before,
		 void (*done)(struct cpl_call *call))
{
	struct cpl_visit visit;
	int status;
	struct box *box = begin(provider, &request->call, scope, account, done, &visit, &status);
	size_t old = 0;

	if (!box)
		return status;
	while (old < box->count && (!before || box->messages[old]->when < before))
		old++;
	if (old)
		drop_messages(box, old);
	request->removed = old;
	return end(&request->call, &visit, 0);
}

static const struct cpl_str *copy_list(const struct cpl_str *items, size_t count, struct cpl_arena *arena)
{
	struct cpl_str *copy = cpl_arena_alloc(arena, (count + 1) * sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = cpl_arena_copy(arena, items[i]);
	return copy;
}

static void copy_preferences(struct cpl_archive_preferences *to, const struct cpl_archive_preferences *from, struct cpl_arena *arena)
{
	*to = *from;
	to->always = copy_list(from->always, from->always_count, arena);
	to->never = copy_list(from->never, from->never_count, arena);
}

static int preferences_get(struct cpl_module *provider, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			   void (*done)(struct cpl_call *call))
{
	struct cpl_visit visit;
	int status;
	struct box *box = begin(provider, &request->call, scope, account, done, &visit, &status);

	if (!box)
		return status;
	request->set = box->wishes != NULL;
	if (request->set)
		copy_preferences(&request->preferences, &box->preferences, request->arena);
	return end(&request->call, &visit, 0);
}

static int preferences_set(struct cpl_module *provider, struct cpl_archive_wishes *request, struct cpl_scope *scope, struct cpl_jid account,
			   const struct cpl_archive_preferences *preferences, void (*done)(struct cpl_call *call))
{
	struct cpl_visit visit;
	int status;
	struct box *box = begin(provider, &request->call, scope, account, done, &visit, &status);

	if (!box)
		return status;
	cpl_arena_destroy(&box->wishes);
	box->wishes = cpl_arena_create();
	copy_preferences(&box->preferences, preferences, box->wishes);
	return end(&request->call, &visit, 0);
}

static const struct cpl_archive_service service = {sizeof(struct cpl_archive_service), append, ask, purge, preferences_get, preferences_set};
static const struct cpl_provide_row provides[] = {{"archive", 1, &service}, {NULL, 0, NULL}};

CPL_MODULE(archive_memory) = {
	CPL_MODULE_HEAD("archive_memory", "1.0", "Archives of messages in memory"),
	.options = options,
	.config_size = sizeof(struct memory_config),
	.events = events,
	.slots = slots,
	.provides = provides,
};
