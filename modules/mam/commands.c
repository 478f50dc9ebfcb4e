/* SPDX-License-Identifier: MIT */
/* The commands: archive count, list, delete. They ask the service, whoever provides it; what messages say is not shown. */
#include "modules/mam/mam.h"

enum { LIST_DEFAULT = 20 };

/* In the invocation's arena. */
struct request {
	struct cpl_archive_page page;
	struct cpl_archive_purge purge;
	struct cpl_invocation *in;
	struct cpl_user *user; /* the invocation's */
	struct cpl_archive_question question;
	int64_t before;
	int64_t total;
	char first[CPL_TIME_TEXT];
	bool last;
	int (*start)(struct request *request, const struct cpl_archive_service *archive, struct cpl_module *provider);
};

static void finish(struct request *request)
{
	cpl_arena_destroy(&request->page.arena);
	cpl_done(request->in);
}

static void refuse(struct request *request, int status)
{
	cpl_arena_destroy(&request->page.arena);
	cpl_refuse(request->in, "the archive of %.*s: %s", CPL_ARG(cpl_jid_str(cpl_arg_jid(request->in, 0))), cpl_code_text(status));
}

static void go_on(struct request *request)
{
	struct cpl_module *provider;
	const struct cpl_archive_service *archive = mam_archive(request->user->host, &provider);
	int status = archive ? request->start(request, archive, provider) : CPL_E_UNSUPPORTED;

	if (status != 0)
		refuse(request, status);
}

static void loaded(struct cpl_module *self, struct cpl_invocation *in, struct cpl_user *user)
{
	struct request *request = cpl_invocation_data(in);

	request->user = user;
	go_on(request);
}

static struct request *request_create(struct cpl_invocation *in)
{
	struct request *request = cpl_arena_alloc(cpl_invocation_arena(in), sizeof(*request));

	request->in = in;
	cpl_invocation_set_data(in, request);
	return request;
}

static void request_start(struct request *request, int (*start)(struct request *request, const struct cpl_archive_service *archive, struct cpl_module *provider))
{
	request->start = start;
	cpl_invocation_load_account(request->in, 0, loaded);
}

static struct request *request_of_page(struct cpl_call *call)
{
	return CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_archive_page, call), struct request, page);
}

static int ask(struct request *request, const struct cpl_archive_service *archive, struct cpl_module *provider, void (*done)(struct cpl_call *call))
{
	cpl_arena_destroy(&request->page.arena);
	request->page = (struct cpl_archive_page){.arena = cpl_arena_create()};
	return archive->ask(provider, &request->page, cpl_invocation_scope(request->in), request->user->jid, &request->question, done);
}

/* ---- count: how many, and the first and the last ---- */

static void counted(struct cpl_call *call);

static int count(struct request *request, const struct cpl_archive_service *archive, struct cpl_module *provider)
{
	request->question = (struct cpl_archive_question){.max = 1, .count = !request->last, .backwards = request->last};
	return ask(request, archive, provider, counted);
}

static void counted(struct cpl_call *call)
{
	struct request *request = request_of_page(call);
	const struct cpl_archive_page *page = &request->page;
	char time[CPL_TIME_TEXT];

	if (call->status != 0) {
		refuse(request, call->status);
		return;
	}
	if (!request->last) {
		request->total = page->total;
		if (page->item_count > 0)
			cpl_time_format(page->items[0].when, request->first);
		request->last = true;
		go_on(request);
		return;
	}
	cpl_row_begin(request->in);
	cpl_row_text(request->in, cpl_jid_str(request->user->jid));
	cpl_row_int(request->in, request->total);
	cpl_row_text(request->in, request->first[0] ? cpl_str_of(request->first) : CPL_NONE);
	cpl_row_text(request->in, page->item_count > 0 ? cpl_time_format(page->items[0].when, time) : CPL_NONE);
	cpl_row_end(request->in);
	finish(request);
}

static void run_count(struct cpl_module *self, struct cpl_invocation *in)
{
	request_start(request_create(in), count);
}

/* ---- list: the last messages ---- */

static void listed(struct cpl_call *call)
{
	struct request *request = request_of_page(call);
	char time[CPL_TIME_TEXT];

	if (call->status != 0) {
		refuse(request, call->status);
		return;
	}
	for (size_t i = 0; i < request->page.item_count; i++) {
		const struct cpl_archive_item *item = &request->page.items[i];

		cpl_row_begin(request->in);
		cpl_row_text(request->in, item->id);
		cpl_row_text(request->in, cpl_time_format(item->when, time));
		cpl_row_text(request->in, item->with);
		cpl_row_int(request->in, (int64_t)item->stanza.len);
		cpl_row_end(request->in);
	}
	finish(request);
}

static int list(struct request *request, const struct cpl_archive_service *archive, struct cpl_module *provider)
{
	return ask(request, archive, provider, listed);
}

static void run_list(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str with = cpl_flag_value(in, "with"), last = cpl_flag_value(in, "last");
	struct request *request;
	struct cpl_jid jid = {0};
	int64_t most = LIST_DEFAULT;

	if (with.ptr && cpl_jid_parse(&jid, with, cpl_invocation_arena(in)) != 0) {
		cpl_refuse(in, "--with wants an address such as juliet@example.org, not \"%.*s\"", CPL_ARG(with));
		return;
	}
	if (last.ptr && !cpl_str_to_int(last, 1, CPL_ARCHIVE_PAGE_MAX, &most)) {
		cpl_refuse(in, "--last wants a number of messages from 1 to %d, not \"%.*s\"", CPL_ARCHIVE_PAGE_MAX, CPL_ARG(last));
		return;
	}
	request = request_create(in);
	request->question = (struct cpl_archive_question){.with = jid, .max = (size_t)most, .backwards = true};
	request_start(request, list);
}

/* ---- delete ---- */

static void purged(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_archive_purge, call), struct request, purge);

	if (call->status != 0) {
		refuse(request, call->status);
		return;
	}
	cpl_say(request->in, "%llu archived messages of %.*s removed", (unsigned long long)request->purge.removed, CPL_ARG(cpl_jid_str(request->user->jid)));
	finish(request);
}

static int purge(struct request *request, const struct cpl_archive_service *archive, struct cpl_module *provider)
{
	return archive->purge(provider, &request->purge, cpl_invocation_scope(request->in), request->user->jid, request->before, purged);
}

/* An age or a time. */
static bool read_before(struct cpl_str text, int64_t *before)
{
	int64_t span;

	if (cpl_time_parse(text, before))
		return *before > 0;
	if (!cpl_option_number(CPL_OPTION_TIME, text, &span) || span < 0 || span >= cpl_now())
		return false;
	*before = cpl_now() - span;
	return true;
}

static void run_delete(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str text = cpl_flag_value(in, "before");
	struct request *request;
	int64_t before = 0;

	if (text.ptr && !read_before(text, &before)) {
		cpl_refuse(in, "--before wants an age such as 90d or a time such as 2026-01-31T12:00:00Z, not \"%.*s\"", CPL_ARG(text));
		return;
	}
	request = request_create(in);
	request->before = before;
	request_start(request, purge);
}

const struct cpl_command mam_commands[] = {
	{"archive count <account>", "Count the archived messages of an account, with the times of the first and the last.", NULL, "account,messages,first,last",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_count},
	{"archive list <account> [--with <word>] [--last <int>]", "List the last archived messages of an account.",
	 "20 messages unless --last says how many, of one contact with --with. What they say is not shown; an export has it.", "id,time,with,bytes",
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_list},
	{"archive delete <account> [--before <word>]", "Remove the archived messages of an account.",
	 "All of them, or with --before those that are older than an age (90d) or a time (2026-01-31T12:00:00Z). They are gone for good.", NULL,
	 CPL_COMMAND_OFFLINE | CPL_COMMAND_CONFIRM | CPL_COMMAND_FOR(CPL_ROLE_ADMIN), run_delete},
	CPL_COMMAND_END,
};
