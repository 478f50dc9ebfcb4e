/* SPDX-License-Identifier: MIT */
/*
 * Metrics of modules: counters, gauges and histograms that `coupletctl metrics` shows beside the server's own, as a table or in the text
 * format of OpenMetrics.
 *
 * A module makes its metrics in load() or start() and keeps the pointers. Its unload takes them away; cpl_metric_drop() is for those that go
 * earlier. A metric is known by name and label: whoever asks for the same again gets another handle of the same metric, so that the next
 * generation of the module, loaded while the former still is, goes on counting where that was.
 *
 *     failures = cpl_metric_counter(self, "failures", "Attempts that have failed.", NULL, CPL_NONE);
 *     ...
 *     cpl_metric_add(failures, 1);
 *
 * Making and dropping: session thread. Counting costs one atomic instruction and may be done in jobs, too, while the module is loaded.
 */
#ifndef COUPLET_METRIC_H
#define COUPLET_METRIC_H

#include <couplet/str.h>

struct cpl_module;
struct cpl_metric;

#pragma GCC visibility push(default)

/*
 * The metric couplet_MODULE_NAME, counting from 0 when it is new. `name` is of [a-z0-9_] (a counter's without "_total", which is added when it is written); `help` is one
 * sentence. One label with its value, or NULL and CPL_NONE. All is copied. NULL when the name or label is malformed, or when the metric exists
 * with another kind or other bounds.
 */
struct cpl_metric *cpl_metric_counter(struct cpl_module *self, const char *name, const char *help, const char *label, struct cpl_str value);
struct cpl_metric *cpl_metric_gauge(struct cpl_module *self, const char *name, const char *help, const char *label, struct cpl_str value);
/* `bounds`: 1 to 24 ascending numbers, the upper ends of the buckets; what is above them all has a bucket of its own. NULL when they are not. */
struct cpl_metric *cpl_metric_histogram(struct cpl_module *self, const char *name, const char *help, const char *label, struct cpl_str value,
					const int64_t *bounds, size_t count);

/* A counter: n >= 0. A gauge: either sign. NULL is left alone, as it is by all that follow. */
void cpl_metric_add(struct cpl_metric *metric, int64_t n);
/* A gauge. */
void cpl_metric_set(struct cpl_metric *metric, int64_t value);
/* A histogram. */
void cpl_metric_observe(struct cpl_metric *metric, int64_t value);
/* The value of a counter or gauge; the sum of a histogram's observations; 0 for NULL. */
int64_t cpl_metric_value(const struct cpl_metric *metric);
/* Gives the handle back; nulls the pointer and accepts a pointer to NULL. */
void cpl_metric_drop(struct cpl_metric **metric);

#pragma GCC visibility pop

#endif
