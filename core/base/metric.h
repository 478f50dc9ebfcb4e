/* SPDX-License-Identifier: MIT */
/*
 * Metrics: counters, gauges and histograms, registered in one table under a name and labels, cheap enough for
 * every stanza.
 *
 * A metric is found once and kept as a pointer; adding to it is one relaxed atomic instruction, from any
 * thread. Making, dropping, listing and writing take a lock and may also be done on any thread. Names and
 * labels follow the text format of OpenMetrics: a name is [a-zA-Z_:][a-zA-Z0-9_:]*, a label's name
 * [a-zA-Z_][a-zA-Z0-9_]*, a label's value any UTF-8.
 *
 * Metrics are counted references: whoever asks for the same name and labels gets the same metric, so that a
 * module's new generation goes on counting where the old one, still loaded, counts as well. The last
 * metric_unref() takes it from the table.
 */
#ifndef CORE_BASE_METRIC_H
#define CORE_BASE_METRIC_H

#include <couplet/str.h>
#include <stdatomic.h>

enum metric_kind {
	METRIC_COUNTER,	 /* only grows */
	METRIC_GAUGE,	 /* set, or added to with either sign */
	METRIC_HISTOGRAM /* observations in buckets */
};

struct metric_label {
	const char *name;
	struct cpl_str value;
};

/* The most buckets of a histogram, the last one (without upper bound) not counted. */
#define METRIC_BUCKETS 24

struct metric {
	_Atomic int64_t value; /* counter and gauge; for a histogram the sum of the observations */
	enum metric_kind kind;
	unsigned bounds; /* of a histogram: how many */
	/* Ascending; bucket i counts observations <= bound[i], one more bucket the rest. */
	const int64_t *bound;
	_Atomic uint64_t *bucket; /* bounds + 1 of them, not cumulative */
	char *name, *help;
	char *labels; /* as written between braces, e.g. host="example.org"; empty without labels */
	char *key;
	unsigned refs;
};

/*
 * The metric of this name and these labels, made when it is new (counting from 0) and shared when it is not;
 * a reference to be given back with metric_unref(). Everything is copied. `help` is one sentence. NULL when
 * the name or a label is malformed, or when the metric exists with another kind or other bounds.
 */
struct metric *metric_ref(enum metric_kind kind, const char *name, const char *help,
			  const struct metric_label *labels, size_t label_count);
/* The same for a histogram; `bounds` ascending numbers, 1 to METRIC_BUCKETS of them. */
struct metric *metric_ref_histogram(const char *name, const char *help, const struct metric_label *labels,
				    size_t label_count, const int64_t *bound, unsigned bounds);
/* Accepts a pointer to NULL; nulls it. */
void metric_unref(struct metric **metric);

static inline void metric_add(struct metric *metric, int64_t n)
{
	atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

/* Gauges; and counters that are counted elsewhere, by whoever does. */
static inline void metric_set(struct metric *metric, int64_t value)
{
	atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

static inline int64_t metric_value(const struct metric *metric)
{
	return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

/* Histograms only. */
void metric_observe(struct metric *metric, int64_t value);
/* Observations in all. */
uint64_t metric_observations(const struct metric *metric);
/*
 * The smallest bound that at least `percent` (1 to 100) of the observations do not exceed; INT64_MAX when
 * that takes the last bucket, 0 when there are no observations.
 */
int64_t metric_percentile(const struct metric *metric, unsigned percent);

/*
 * Calls visit() for every metric, sorted by name and labels, under the lock: it must not make or drop
 * metrics.
 */
void metric_each(void (*visit)(const struct metric *metric, void *data), void *data);
/* Adds all metrics in the text format of OpenMetrics without its final "# EOF" line. */
void metric_write(struct cpl_buf *buf);

#endif
