/* SPDX-License-Identifier: MIT */
/* Commands about what is counted: top, trace, metrics. */
#include "core/admin/builtin.h"
#include "core/admin/metrics.h"
#include "core/base/metric.h"
#include <couplet/module.h>
#include <stdlib.h>

int64_t builtin_time_us(const struct account_place *place)
{
	if (place->timing.count == 0)
		return 0;
	return (int64_t)((double)place->timing.sum_ns * (double)place->calls / (double)place->timing.count / 1e3);
}

/* ---- top ---- */

struct top_row {
	const struct account *account;
	unsigned where;
	int64_t time_us;
};

static int compare_rows(const void *left, const void *right)
{
	const struct top_row *a = left, *b = right;
	int order;

	if (a->time_us != b->time_us)
		return a->time_us > b->time_us ? -1 : 1;
	order = strcmp(a->account->name, b->account->name);
	return order ? order : (int)a->where - (int)b->where;
}

static size_t collect(struct top_row *rows, size_t max)
{
	size_t count = 0;

	for (uint32_t id = 0; id < account_count(); id++) {
		const struct account *account = account_by_id(id);

		for (unsigned where = 0; account && where < ACCOUNT_WHERES && count < max; where++)
			if (account->places[where])
				rows[count++] = (struct top_row){account, where, builtin_time_us(account->places[where])};
	}
	return count;
}

static void run_top(struct cpl_module *self, struct cpl_invocation *in)
{
	size_t max = (size_t)account_count() * ACCOUNT_WHERES;
	struct top_row *rows = cpl_alloc(max * sizeof *rows);
	size_t count = collect(rows, max);

	qsort(rows, count, sizeof *rows, compare_rows);
	for (size_t i = 0; i < count; i++) {
		const struct account_place *place = rows[i].account->places[rows[i].where];

		cpl_row_begin(in);
		cpl_row_text(in, cpl_str_of(rows[i].account->name));
		cpl_row_text(in, cpl_str_of(account_where_name(rows[i].where)));
		cpl_row_int(in, (int64_t)place->calls);
		cpl_row_int(in, (int64_t)place->stops);
		cpl_row_int(in, (int64_t)place->errors);
		cpl_row_int(in, rows[i].time_us);
		cpl_row_int(in, (int64_t)timing_mean(&place->timing));
		cpl_row_int(in, (int64_t)timing_percentile(&place->timing, 99));
		cpl_row_int(in, (int64_t)place->timing.max_ns);
		cpl_row_int(in, atomic_load(&rows[i].account->memory->bytes));
		cpl_row_end(in);
	}
	cpl_free(rows);
	cpl_done(in);
}

static void run_trace(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str state = cpl_arg(in, 0);

	if (state.ptr && !cpl_str_is(state, "on") && !cpl_str_is(state, "off")) {
		cpl_refuse(in, "\"%.*s\" is neither on nor off", CPL_ARG(state));
		return;
	}
	if (state.ptr)
		account_trace = cpl_str_is(state, "on");
	else
		cpl_say(in, "%s", account_trace ? "on" : "off");
	cpl_done(in);
}

/* ---- metrics ---- */

static void metric_row(struct cpl_invocation *in, const struct metric *metric, const char *suffix, int64_t value)
{
	struct cpl_str name = cpl_arena_printf(cpl_invocation_arena(in), "%s%s", metric->name, suffix);

	cpl_row_begin(in);
	cpl_row_text(in, name);
	cpl_row_text(in, cpl_str_of(metric->labels));
	cpl_row_int(in, value);
	cpl_row_end(in);
}

static void add_rows(const struct metric *metric, void *data)
{
	struct cpl_invocation *in = data;
	uint64_t count;

	if (metric->kind != METRIC_HISTOGRAM) {
		metric_row(in, metric, metric->kind == METRIC_COUNTER ? "_total" : "", metric_value(metric));
		return;
	}
	count = metric_observations(metric);
	metric_row(in, metric, "_count", (int64_t)count);
	metric_row(in, metric, "_sum", metric_value(metric));
	metric_row(in, metric, "_mean", count ? metric_value(metric) / (int64_t)count : 0);
	metric_row(in, metric, "_p99", metric_percentile(metric, 99));
}

static void print_openmetrics(struct cpl_invocation *in)
{
	struct cpl_buf text = {0};
	struct cpl_str rest, line;

	metric_write(&text);
	rest = cpl_buf_str(&text);
	while (rest.len && cpl_str_split(&rest, '\n', &line))
		if (line.len)
			cpl_say(in, "%.*s", CPL_ARG(line));
	cpl_say(in, "# EOF");
	cpl_buf_finish(&text);
}

static void run_metrics(struct cpl_module *self, struct cpl_invocation *in)
{
	metrics_collect();
	if (cpl_flag(in, "openmetrics"))
		print_openmetrics(in);
	else
		metric_each(add_rows, in);
	cpl_done(in);
}

const struct cpl_command builtin_figures[] = {
	{"top", "Shows where modules spend the server's time, the most first.",
	 "On a terminal the figures are of the last second and the table is drawn anew until q is pressed; t, c, m, b and n change the order to time, "
	 "calls, longest visit, bytes and name. Otherwise the figures since the start are printed once. Times are estimates from one visit in 64 "
	 "(see trace) and include what a module calls in turn, so that they add up to more than the whole; bytes are those of the module.",
	 "module,event,calls,stops,errors,time_us,mean_ns,p99_ns,max_ns,bytes", 0, run_top},
	{"trace [<word:state>]", "Turns the timing of every visit to a module on or off, or says which.",
	 "On: module info and top tell times from all visits instead of one in 64, which costs some 50 ns a visit. It is off after a start.", NULL, 0,
	 run_trace},
	{"metrics [--openmetrics]", "Prints the server's counters and gauges, those of the modules included.",
	 "A histogram is shown by the number of its observations, their sum, their mean, and a bound that 99 in 100 do not exceed. With --openmetrics "
	 "the text format of OpenMetrics is printed, for a collector.",
	 "metric,labels,value", 0, run_metrics},
	CPL_COMMAND_END,
};
