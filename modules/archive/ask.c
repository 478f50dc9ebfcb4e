/* SPDX-License-Identifier: MIT */
/*
 * Questions to an archive. First the rows that the question names are looked for, since an id that is none of the archive's is an error; then the set is counted if that is wanted; then the page is
 * read, some rows at a time, until it is full.
 */
#include "modules/archive/archive.h"

#include <stdlib.h>

/* after, before, page_after, page_before */
enum { AFTER, BEFORE, PAGE_AFTER, PAGE_BEFORE, ENDS };

struct asking {
	struct cpl_store_call read;
	struct cpl_archive_page *request; /* NULL: cancelled */
	struct cpl_scope *scope;
	struct cpl_arena *arena;
	struct cpl_jid account;
	struct cpl_archive_query query;   /* of the set: with, start, end, after, before */
	struct archive_id ends[ENDS];
	bool has_end[ENDS];
	unsigned end;                     /* which of `ends` is being looked for */
	struct archive_id *ids;           /* in rising order */
	size_t id_count, id;
	bool backwards, count;
	size_t max, max_bytes, bytes;
	struct cpl_archive_item *items;   /* `max` places, filled from the front or, backwards, from the end */
	size_t found;
	bool full;                        /* of bytes */
};

static void go_on(struct asking *asking);

static void asking_cancel(struct cpl_call *call)
{
	struct asking *asking = call->provider;

	if (asking)
		asking->request = NULL;
	call->provider = NULL;
}

static void asking_end(struct asking *asking, int status, const char *reason)
{
	if (status != 0 && status != CPL_E_CANCELLED && status != CPL_E_NOT_FOUND)
		cpl_log_error("archive cannot be read jid=%.*s reason=%s", CPL_ARG(cpl_jid_str(asking->account)), reason ? reason : cpl_code_text(status));
	if (asking->request) {
		asking->request->call.provider = NULL;
		asking->request->items = asking->backwards ? asking->items + (asking->max - asking->found) : asking->items;
		asking->request->item_count = asking->found;
		cpl_call_complete(&asking->request->call, status);
	}
	cpl_arena_destroy(&asking->arena);
	cpl_free(asking);
}

static bool asking_failed(struct asking *asking, int status)
{
	if (status == 0 && asking->request)
		return false;
	asking_end(asking, status ? status : CPL_E_CANCELLED, status ? asking->read.error : NULL);
	return true;
}

static void start_query(struct asking *asking, const struct cpl_archive_query *query, bool count, void (*done)(struct cpl_call *call))
{
	int status;

	asking->read = (struct cpl_store_call){0};
	status = (count ? cpl_archive_count : cpl_archive_query)(&asking->read, asking->scope, &archive_store, asking->account, query, done);
	if (status != 0)
		asking_end(asking, status, NULL);
}

static struct asking *asking_of(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct asking, read);
}

/* ---- the page ---- */

/* False: it would be too large with this one. The first is taken in any case. */
static bool take_row(struct asking *asking, const struct cpl_row *row)
{
	struct cpl_arena *arena = asking->request->arena;
	struct cpl_str stanza = row->values[ARCHIVE_STANZA].bytes;
	struct cpl_archive_item *item = &asking->items[asking->backwards ? asking->max - asking->found - 1 : asking->found];
	char id[CPL_ARCHIVE_ID_MAX + 1];

	if (asking->found > 0 && asking->max_bytes && asking->bytes + stanza.len > asking->max_bytes) {
		asking->full = true;
		return false;
	}
	archive_id_write(archive_id_of(row), id);
	*item = (struct cpl_archive_item){cpl_arena_copy(arena, cpl_str_of(id)), row->when, cpl_arena_copy(arena, row->with), cpl_arena_copy(arena, stanza)};
	asking->bytes += stanza.len;
	asking->found++;
	return true;
}

static void on_slice(struct cpl_call *call)
{
	struct asking *asking = asking_of(call);
	const struct cpl_store_call *read = &asking->read;
	size_t taken = 0;

	if (asking_failed(asking, call->status))
		return;
	while (taken < read->count && take_row(asking, &read->rows[asking->backwards ? read->count - taken - 1 : taken]))
		taken++;
	asking->request->complete = read->complete && taken == read->count;
	if (asking->full || read->complete || asking->found == asking->max) {
		asking_end(asking, 0, NULL);
		return;
	}
	if (asking->backwards)
		asking->query.before = read->rows[0].id;
	else
		asking->query.after = read->rows[read->count - 1].id;
	go_on(asking);
}

/* ---- single messages ---- */

static bool is_with(const struct asking *asking, const struct cpl_row *row)
{
	struct cpl_jid with;

	if (!cpl_jid_is_set(asking->query.with))
		return true;
	return cpl_jid_parse(&with, row->with, asking->arena) == 0 &&
	       cpl_jid_equal(asking->query.with, cpl_jid_is_full(asking->query.with) ? with : cpl_jid_bare(with));
}

static bool is_in_set(const struct asking *asking, const struct cpl_row *row)
{
	const struct cpl_archive_query *query = &asking->query;

	return is_with(asking, row) && (!query->start || row->when >= query->start) && (!query->end || row->when <= query->end) &&
	       (!query->after || row->id > query->after) && (!query->before || row->id < query->before);
}

static bool is_on_page(const struct asking *asking, int64_t id)
{
	return (!asking->has_end[PAGE_AFTER] || id > asking->ends[PAGE_AFTER].row) && (!asking->has_end[PAGE_BEFORE] || id < asking->ends[PAGE_BEFORE].row);
}

static bool is_there(const struct asking *asking, struct archive_id id)
{
	const struct cpl_store_call *read = &asking->read;

	return read->count == 1 && read->rows[0].id == id.row && read->rows[0].values[ARCHIVE_TAG].integer == id.tag;
}

/* One of `ids`: backwards, they are gone through from the last. */
static struct archive_id id_now(const struct asking *asking)
{
	return asking->ids[asking->backwards ? asking->id_count - asking->id - 1 : asking->id];
}

static void on_single(struct cpl_call *call)
{
	struct asking *asking = asking_of(call);

	if (asking_failed(asking, call->status))
		return;
	if (!is_there(asking, id_now(asking))) {
		asking_end(asking, CPL_E_NOT_FOUND, NULL);
		return;
	}
	if (is_in_set(asking, &asking->read.rows[0])) {
		asking->request->total++;
		if (is_on_page(asking, asking->read.rows[0].id) && !asking->full && (asking->found == asking->max || !take_row(asking, &asking->read.rows[0])))
			asking->full = true;
	}
	asking->id++;
	go_on(asking);
}

/* ---- the order of things ---- */

static void on_end(struct cpl_call *call)
{
	struct asking *asking = asking_of(call);

	if (asking_failed(asking, call->status))
		return;
	if (!is_there(asking, asking->ends[asking->end])) {
		asking_end(asking, CPL_E_NOT_FOUND, NULL);
		return;
	}
	asking->end++;
	go_on(asking);
}

static void on_total(struct cpl_call *call)
{
	struct asking *asking = asking_of(call);

	if (asking_failed(asking, call->status))
		return;
	asking->request->total = asking->read.total;
	asking->count = false;
	go_on(asking);
}

static void look_for(struct asking *asking, struct archive_id id, void (*done)(struct cpl_call *call))
{
	struct cpl_archive_query query = {.after = id.row - 1, .before = id.row + 1, .limit = 1};

	/* 0 is open, and the least id is above it. */
	if (id.row < 2 || id.row == INT64_MAX)
		asking_end(asking, CPL_E_NOT_FOUND, NULL);
	else
		start_query(asking, &query, false, done);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return !a ? b : !b || a < b ? a : b;
}

static void go_on(struct asking *asking)
{
	while (asking->end < ENDS && !asking->has_end[asking->end])
		asking->end++;
	if (asking->end < ENDS) {
		look_for(asking, asking->ends[asking->end], on_end);
		return;
	}
	if (asking->id < asking->id_count) {
		look_for(asking, id_now(asking), on_single);
		return;
	}
	if (asking->id_count || (asking->max == 0 && !asking->count)) {
		asking->request->complete = asking->max > 0 && !asking->full;
		asking_end(asking, 0, NULL);
		return;
	}
	if (asking->count) {
		start_query(asking, &asking->query, true, on_total);
		return;
	}
	if (asking->found == 0) {
		asking->query.after = later(asking->query.after, asking->ends[PAGE_AFTER].row);
		asking->query.before = earlier(asking->query.before, asking->ends[PAGE_BEFORE].row);
		asking->query.backwards = asking->backwards;
	}
	asking->query.limit = asking->max - asking->found < ARCHIVE_SLICE ? asking->max - asking->found : ARCHIVE_SLICE;
	start_query(asking, &asking->query, false, on_slice);
}

static int id_compare(const void *a, const void *b)
{
	const struct archive_id *x = a, *y = b;

	return (x->row > y->row) - (x->row < y->row);
}

/* CPL_E_NOT_FOUND: one of them is no id of ours. */
static int read_ids(struct asking *asking, const struct cpl_archive_question *question)
{
	const struct cpl_str ends[ENDS] = {question->after, question->before, question->page_after, question->page_before};
	size_t kept = 0;

	for (unsigned i = 0; i < ENDS; i++) {
		asking->has_end[i] = ends[i].ptr != NULL;
		if (ends[i].ptr && !archive_id_read(ends[i], &asking->ends[i]))
			return CPL_E_NOT_FOUND;
	}
	asking->ids = cpl_arena_alloc(asking->arena, (question->id_count + 1) * sizeof(*asking->ids));
	for (size_t i = 0; i < question->id_count; i++)
		if (!archive_id_read(question->ids[i], &asking->ids[i]))
			return CPL_E_NOT_FOUND;
	qsort(asking->ids, question->id_count, sizeof(*asking->ids), id_compare);
	/* One that is named twice is one; with another tag it is none. */
	for (size_t i = 0; i < question->id_count; i++)
		if (kept == 0 || asking->ids[i].row != asking->ids[kept - 1].row || asking->ids[i].tag != asking->ids[kept - 1].tag)
			asking->ids[kept++] = asking->ids[i];
	asking->id_count = kept;
	return 0;
}

int archive_ask(struct cpl_module *self, struct cpl_archive_page *request, struct cpl_scope *scope, struct cpl_jid account,
		const struct cpl_archive_question *question, void (*done)(struct cpl_call *call))
{
	struct asking *asking;
	struct cpl_visit visit;
	int status;

	if (question->max > CPL_ARCHIVE_PAGE_MAX || question->id_count > CPL_ARCHIVE_IDS_MAX)
		return CPL_E_INVALID;
	status = cpl_call_begin(&request->call, scope, done, asking_cancel);
	if (status != 0)
		return status;
	cpl_provider_enter(self, &visit);
	asking = CPL_NEW(struct asking);
	asking->request = request;
	request->call.provider = asking;
	request->complete = false;
	request->total = 0;
	asking->scope = scope;
	asking->arena = cpl_arena_create();
	asking->account = cpl_jid_with_resource(account, CPL_NONE, asking->arena);
	asking->query = (struct cpl_archive_query){.start = question->start, .end = question->end};
	if (cpl_jid_is_set(question->with))
		asking->query.with = cpl_jid_with_resource(question->with, cpl_jid_resource(question->with), asking->arena);
	asking->backwards = question->backwards;
	asking->count = question->count;
	asking->max = question->max;
	asking->max_bytes = question->max_bytes;
	asking->items = cpl_arena_alloc(request->arena, (question->max + 1) * sizeof(*asking->items));
	status = read_ids(asking, question);
	if (status == 0) {
		asking->query.after = asking->ends[AFTER].row;
		asking->query.before = asking->ends[BEFORE].row;
		go_on(asking);
	} else {
		asking_end(asking, status, NULL);
	}
	cpl_provider_leave(&visit);
	return 0;
}
