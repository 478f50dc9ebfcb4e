/* SPDX-License-Identifier: MIT */
/* Jobs at times: when each is due, its runs, and what is kept of them. */
#include "core/module/schedule.h"

#include "core/base/account.h"
#include "core/loop/worker.h"

#include <assert.h>
#include <couplet/list.h>
#include <couplet/log.h>
#include <couplet/memory.h>
#include <couplet/time.h>
#include <stdlib.h>

enum {
	LOOK_MS = 60000,          /* the longest between two looks at the wall clock, which may be set */
	JITTER_MAX_MS = 600000,
	RETRY_MS = 60000,
	RETRY_MAX_MS = 86400000,  /* of jobs without a period */
};

struct job {
	char *name;
	int64_t last, wish;
	unsigned failures;
	/* While its module is loaded. */
	struct cpl_module *module;
	const struct cpl_schedule_row *row;
	int64_t next;            /* 0: none */
	struct cpl_run *run;     /* under way, of an older generation perhaps */
};

struct cpl_run {
	struct cpl_list node;
	struct job *job;
	struct cpl_module *module;
	int64_t last, wish;
};

/* A wish on its way to the disk. */
struct wish {
	struct cpl_list node;
	struct cpl_call *call; /* NULL once cancelled */
	struct job *job;
	int64_t when, before;
};

/* The file being written; the worker touches path, text, status and error. */
struct save {
	struct worker_job job;
	char *path;
	struct cpl_buf text;
	int status;
	struct cpl_error error;
	struct cpl_list wishes;
};

static struct {
	struct job **jobs; /* by name */
	size_t count;
	struct cpl_list runs, wishes;
	struct loop_timer timer;
	struct save *save;
	char *path;
	bool open, running, dirty;
} schedule = {.runs = {&schedule.runs, &schedule.runs}, .wishes = {&schedule.wishes, &schedule.wishes}};

static void save_begin(void);
static void look(struct loop_timer *timer);

static struct account *account_of(struct cpl_module *module)
{
	return account_of_module ? account_of_module(module) : NULL;
}

/* ---- the table ---- */

static struct job *job_find(struct cpl_str name, size_t *at)
{
	size_t low = 0, high = schedule.count;

	*at = 0;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = cpl_str_compare(name, cpl_str_of(schedule.jobs[middle]->name));

		if (order == 0)
			return schedule.jobs[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*at = low;
	return NULL;
}

static struct job *job_make(struct cpl_str name)
{
	struct account *before;
	size_t at = 0;
	struct job *job = job_find(name, &at);

	if (job)
		return job;
	before = account_as_core();
	job = CPL_NEW(struct job);
	job->name = cpl_strdup(name);
	schedule.jobs = cpl_realloc(schedule.jobs, (schedule.count + 1) * sizeof(struct job *));
	memmove(&schedule.jobs[at + 1], &schedule.jobs[at], (schedule.count - at) * sizeof(struct job *));
	schedule.jobs[at] = job;
	schedule.count++;
	account_back(before);
	return job;
}

/* ---- when ---- */

static int64_t random_up_to(int64_t most)
{
	uint64_t drawn;

	if (most <= 0)
		return 0;
	cpl_random_bytes(&drawn, sizeof(drawn));
	return (int64_t)(drawn % ((uint64_t)most + 1));
}

static int64_t jitter_of(const struct cpl_schedule_row *row)
{
	if (row->jitter_ms)
		return row->jitter_ms;
	return row->period_ms / 10 < JITTER_MAX_MS ? row->period_ms / 10 : JITTER_MAX_MS;
}

static int64_t due(struct job *job)
{
	const struct cpl_schedule_row *row = job->row;
	struct account_visit visit;
	int64_t next;

	if (job->wish)
		return job->wish;
	if (row->period_ms)
		/* A last run in the future: the clock was set back since. */
		return job->last == 0 || job->last > cpl_now() ? cpl_now() : job->last + row->period_ms;
	if (!row->next)
		return 0;
	visit = account_enter(account_of(job->module), job->module, ACCOUNT_IN_SCHEDULE);
	next = row->next(job->module, job->last);
	account_leave(&visit);
	return next;
}

static void plan(struct job *job)
{
	int64_t when = job->module ? due(job) : 0;

	/* What was asked for at a time is put off only if that time has gone by. */
	job->next = when <= 0 ? 0 : job->wish > cpl_now() ? when : (when < cpl_now() ? cpl_now() : when) + random_up_to(jitter_of(job->row));
}

/* The timer for the job that is due first. */
static void arm(void)
{
	int64_t first = cpl_now() + LOOK_MS;
	bool any = schedule.dirty;

	for (size_t i = 0; i < schedule.count; i++) {
		const struct job *job = schedule.jobs[i];

		if (!job->module || !job->next || job->run)
			continue;
		any = true;
		if (job->next < first)
			first = job->next;
	}
	if (any && schedule.running)
		loop_timer_start(&schedule.timer, first - cpl_now(), look);
	else
		loop_timer_stop(&schedule.timer);
}

/* ---- runs ---- */

static void run_begin(struct job *job)
{
	struct account *before = account_as_core();
	struct cpl_run *run = CPL_NEW(struct cpl_run);
	struct account_visit visit;

	account_back(before);
	*run = (struct cpl_run){.job = job, .module = job->module, .last = job->last, .wish = job->wish};
	cpl_list_append(&schedule.runs, &run->node);
	job->run = run;
	job->next = 0;
	cpl_log_debug("job begins job=%s", job->name);
	visit = account_enter(account_of(job->module), job->module, ACCOUNT_IN_SCHEDULE);
	job->row->run(job->module, run);
	account_leave(&visit);
}

static void look(struct loop_timer *timer)
{
	for (size_t i = 0; i < schedule.count; i++) {
		struct job *job = schedule.jobs[i];

		if (job->module && job->next && !job->run && job->next <= cpl_now())
			run_begin(job);
	}
	if (schedule.dirty)
		save_begin();
	arm();
}

static void run_free(struct cpl_run *run)
{
	cpl_list_remove(&run->node);
	if (run->job->run == run)
		run->job->run = NULL;
	cpl_free(run);
}

static int64_t retry_after(const struct job *job)
{
	int64_t most = job->row && job->row->period_ms ? job->row->period_ms : RETRY_MAX_MS, wait = RETRY_MS;

	for (unsigned i = 1; i < job->failures && wait < most; i++)
		wait *= 2;
	return wait < most ? wait : most;
}

void cpl_run_end(struct cpl_run *run, int status)
{
	struct job *job = run->job;

	if (status >= 0) {
		job->last = cpl_now();
		if (job->wish == run->wish)
			job->wish = 0;
		job->failures = 0;
		schedule.dirty = true;
	} else {
		job->failures++;
	}
	run_free(run);
	plan(job);
	if (status < 0 && job->module) {
		job->next = cpl_now() + retry_after(job);
		cpl_log_warn("job failed, will be tried again job=%s reason=%s in_s=%lld", job->name, cpl_code_text(status), (long long)retry_after(job) / 1000);
	}
	if (schedule.dirty)
		save_begin();
	arm();
}

int64_t cpl_run_last(const struct cpl_run *run)
{
	return run->last;
}

/* ---- modules come and go ---- */

void schedule_add(struct cpl_module *module, const char *name, const struct cpl_schedule_row *rows)
{
	for (const struct cpl_schedule_row *row = rows; schedule.open && row && row->name; row++) {
		char *full = cpl_asprintf("%s.%s", name, row->name);
		struct job *job = job_make(cpl_str_of(full));

		cpl_free(full);
		job->module = module;
		job->row = row;
		plan(job);
	}
	if (rows && schedule.open)
		arm();
}

void schedule_remove(struct cpl_module *module)
{
	for (size_t i = 0; i < schedule.count; i++)
		if (schedule.jobs[i]->module == module) {
			schedule.jobs[i]->module = NULL;
			schedule.jobs[i]->row = NULL;
			schedule.jobs[i]->next = 0;
		}
	if (schedule.open)
		arm();
}

void schedule_forget(struct cpl_module *module)
{
	CPL_LIST_EACH(node, &schedule.runs) {
		struct cpl_run *run = CPL_CONTAINER(node, struct cpl_run, node);
		struct job *job = run->job;

		if (run->module != module)
			continue;
		run_free(run);
		/* A newer generation waits for it. */
		plan(job);
	}
	if (schedule.open)
		arm();
}

bool schedule_next(size_t *at, struct schedule_view *view)
{
	const struct job *job;

	if (*at >= schedule.count)
		return false;
	job = schedule.jobs[(*at)++];
	*view = (struct schedule_view){job->name, "waiting", job->row ? job->row->summary : NULL, job->last, job->next, job->failures};
	if (job->run)
		view->state = "running";
	else if (!job->module)
		view->state = "absent";
	else if (!job->next)
		view->state = "idle";
	else if (job->failures)
		view->state = "failed";
	if (!job->module)
		view->next = job->wish;
	return true;
}

/* ---- wishes ---- */

static void wish_cancel(struct cpl_call *call)
{
	struct wish *wish = call->provider;

	wish->call = NULL;
}

int cpl_schedule_at(struct cpl_call *call, struct cpl_scope *scope, struct cpl_module *self, const char *name, int64_t when,
		    void (*done)(struct cpl_call *call))
{
	struct account_visit visit;
	struct job *job = NULL;
	struct wish *wish;
	int status;

	if (when < 0 || when > INT64_MAX / 2)
		return CPL_E_INVALID;
	for (size_t i = 0; i < schedule.count && !job; i++)
		if (schedule.jobs[i]->module == self && strcmp(schedule.jobs[i]->row->name, name) == 0)
			job = schedule.jobs[i];
	if (!job)
		return CPL_E_NOT_FOUND;
	status = cpl_call_begin(call, scope, done, wish_cancel);
	if (status != 0)
		return status;
	visit = account_enter(NULL, NULL, ACCOUNT_IN_SCHEDULE);
	wish = CPL_NEW(struct wish);
	*wish = (struct wish){.call = call, .job = job, .when = when, .before = job->wish};
	call->provider = wish;
	cpl_list_append(&schedule.wishes, &wish->node);
	job->wish = when;
	job->failures = 0;
	account_leave(&visit);
	plan(job);
	schedule.dirty = true;
	save_begin();
	arm();
	return 0;
}

/* ---- the file ---- */

static void save_work(struct worker_job *work)
{
	struct save *save = CPL_CONTAINER(work, struct save, job);

	save->status = schedule_file_write(save->path, cpl_buf_str(&save->text), &save->error);
}

static void wishes_end(struct cpl_list *wishes, int status)
{
	struct cpl_list *node;

	while ((node = cpl_list_take(wishes))) {
		struct wish *wish = CPL_CONTAINER(node, struct wish, node);

		if (status < 0 && wish->job->wish == wish->when) {
			wish->job->wish = wish->before;
			if (!wish->job->run)
				plan(wish->job);
		}
		if (wish->call)
			cpl_call_complete(wish->call, status);
		cpl_free(wish);
	}
}

static void save_done(struct worker_job *work)
{
	struct save *save = CPL_CONTAINER(work, struct save, job);
	int status = save->status;

	if (status < 0) {
		cpl_log_error("times of jobs not kept reason=\"%s\"", save->error.text);
		schedule.dirty = true;
	}
	wishes_end(&save->wishes, status);
	schedule.save = NULL;
	cpl_buf_finish(&save->text);
	cpl_free(save);
	/* After a failure the timer tries again. */
	if (schedule.dirty && status >= 0)
		save_begin();
	arm();
}

static void write_text(struct cpl_buf *text)
{
	cpl_buf_add(text, cpl_str_of(schedule_file_head));
	for (size_t i = 0; i < schedule.count; i++) {
		const struct job *job = schedule.jobs[i];
		struct schedule_record record = {cpl_str_of(job->name), job->last, job->wish};

		if (record.last || record.wish)
			schedule_file_line(&record, text);
	}
}

static void save_begin(void)
{
	struct account_visit visit;
	struct save *save;
	struct cpl_list *node;

	if (schedule.save || !schedule.open)
		return;
	visit = account_enter(NULL, NULL, ACCOUNT_IN_SCHEDULE);
	save = schedule.save = CPL_NEW(struct save);
	save->path = schedule.path;
	cpl_list_init(&save->wishes);
	while ((node = cpl_list_take(&schedule.wishes)))
		cpl_list_append(&save->wishes, node);
	write_text(&save->text);
	schedule.dirty = false;
	save->job.work = save_work;
	save->job.done = save_done;
	worker_start(&save->job);
	account_leave(&visit);
}

static void take_record(const struct schedule_record *record)
{
	struct job *job = job_make(record->name);

	job->last = record->last;
	job->wish = record->wish;
}

int schedule_open(const char *folder, bool running, struct cpl_error *error)
{
	struct cpl_error own = {0};

	assert(!schedule.open);
	schedule.path = cpl_asprintf("%s/jobs", folder);
	schedule.running = running;
	if (!schedule_file_read(schedule.path, take_record, &own)) {
		schedule_finish();
		return cpl_fail(error, own.code, "%s", own.text);
	}
	schedule.open = true;
	return 0;
}

void schedule_finish(void)
{
	struct cpl_buf text = {0};
	struct cpl_error error;

	for (int turns = 0; schedule.save && turns < 5000; turns++)
		loop_turn(1);
	assert(!schedule.save);
	/* Of modules that did not come to an end in time. */
	while (!cpl_list_empty(&schedule.runs))
		run_free(CPL_CONTAINER(schedule.runs.next, struct cpl_run, node));
	if (schedule.open && schedule.dirty) {
		write_text(&text);
		if (schedule_file_write(schedule.path, cpl_buf_str(&text), &error) < 0)
			cpl_log_error("times of jobs not kept reason=\"%s\"", error.text);
		cpl_buf_finish(&text);
	}
	loop_timer_stop(&schedule.timer);
	while (schedule.count > 0) {
		struct job *job = schedule.jobs[--schedule.count];

		cpl_free(job->name);
		cpl_free(job);
	}
	CPL_FREE(schedule.jobs);
	CPL_FREE(schedule.path);
	schedule.open = schedule.running = schedule.dirty = false;
}
