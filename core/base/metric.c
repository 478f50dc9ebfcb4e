/* SPDX-License-Identifier: MIT */
/* The table of metrics. */
#include "core/base/metric.h"
#include "core/base/memory.h"

#include <assert.h>
#include <couplet/map.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cpl_map table; /* key -> struct metric */

static bool name_valid(const char *name, bool colon)
{
	if (!name[0] || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (; *name; name++)
		if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z') &&
		    !(*name >= '0' && *name <= '9') && *name != '_' && !(colon && *name == ':'))
			return false;
	return true;
}

static bool labels_write(struct cpl_buf *buf, const struct metric_label *labels, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!name_valid(labels[i].name, false) || !cpl_str_is_utf8(labels[i].value))
			return false;
		cpl_buf_addf(buf, "%s%s=\"", i ? "," : "", labels[i].name);
		for (size_t at = 0; at < labels[i].value.len; at++) {
			char c = labels[i].value.ptr[at];

			if (c == '\n')
				cpl_buf_add(buf, CPL_STR("\\n"));
			else if (c == '"' || c == '\\')
				cpl_buf_addf(buf, "\\%c", c);
			else
				cpl_buf_add_char(buf, c);
		}
		cpl_buf_add_char(buf, '"');
	}
	return true;
}

static struct metric *metric_create(enum metric_kind kind, const char *name, const char *help,
				    const char *labels, const char *key, const int64_t *bound,
				    unsigned bounds)
{
	struct metric *metric = CPL_NEW(struct metric);

	metric->kind = kind;
	metric->name = cpl_strdup(cpl_str_of(name));
	metric->help = cpl_strdup(cpl_str_of(help));
	metric->labels = cpl_strdup(cpl_str_of(labels));
	metric->key = cpl_strdup(cpl_str_of(key));
	if (bounds) {
		int64_t *copy = cpl_alloc(bounds * sizeof(*copy));

		memcpy(copy, bound, bounds * sizeof(*copy));
		metric->bound = copy;
		metric->bounds = bounds;
		metric->bucket = cpl_alloc((bounds + 1) * sizeof(*metric->bucket));
	}
	return metric;
}

static void metric_destroy(struct metric *metric)
{
	cpl_free(metric->name);
	cpl_free(metric->help);
	cpl_free(metric->labels);
	cpl_free(metric->key);
	cpl_free((void *)metric->bound);
	cpl_free(metric->bucket);
	cpl_free(metric);
}

static bool metric_same(const struct metric *metric, enum metric_kind kind, const int64_t *bound,
			unsigned bounds)
{
	return metric->kind == kind && metric->bounds == bounds &&
	       (bounds == 0 || memcmp(metric->bound, bound, bounds * sizeof(*bound)) == 0);
}

static struct metric *metric_get(enum metric_kind kind, const char *name, const char *help,
				 const struct metric_label *labels, size_t label_count, const int64_t *bound,
				 unsigned bounds)
{
	struct account_current before = account_now;
	struct cpl_buf text = {0}, key = {0};
	struct metric *metric = NULL;

	/* The core pays: a shared metric may outlive the module that was first to ask for it. */
	account_now = (struct account_current){account_core(), NULL, 0};
	if (name_valid(name, true) && labels_write(&text, labels, label_count)) {
		cpl_buf_addf(&key, "%s{%s}", name, text.ptr ? text.ptr : "");
		pthread_mutex_lock(&table_lock);
		metric = cpl_map_get(&table, cpl_buf_str(&key));
		if (!metric) {
			metric = metric_create(kind, name, help, text.ptr ? text.ptr : "", key.ptr, bound,
					       bounds);
			cpl_map_put(&table, cpl_str_of(metric->key), metric);
		} else if (!metric_same(metric, kind, bound, bounds)) {
			metric = NULL;
		}
		if (metric)
			metric->refs++;
		pthread_mutex_unlock(&table_lock);
	}
	cpl_buf_finish(&text);
	cpl_buf_finish(&key);
	account_now = before;
	return metric;
}

struct metric *metric_ref(enum metric_kind kind, const char *name, const char *help,
			  const struct metric_label *labels, size_t label_count)
{
	assert(kind != METRIC_HISTOGRAM);
	return metric_get(kind, name, help, labels, label_count, NULL, 0);
}

struct metric *metric_ref_histogram(const char *name, const char *help, const struct metric_label *labels,
				    size_t label_count, const int64_t *bound, unsigned bounds)
{
	assert(bounds >= 1 && bounds <= METRIC_BUCKETS);
	for (unsigned i = 1; i < bounds; i++)
		assert(bound[i - 1] < bound[i]);
	return metric_get(METRIC_HISTOGRAM, name, help, labels, label_count, bound, bounds);
}

void metric_unref(struct metric **metric)
{
	struct metric *gone = *metric;

	if (!gone)
		return;
	*metric = NULL;
	pthread_mutex_lock(&table_lock);
	assert(gone->refs > 0);
	if (--gone->refs == 0) {
		cpl_map_remove(&table, cpl_str_of(gone->key));
		metric_destroy(gone);
		if (table.count == 0)
			cpl_map_finish(&table);
	}
	pthread_mutex_unlock(&table_lock);
}

void metric_observe(struct metric *metric, int64_t value)
{
	unsigned i = 0;

	while (i < metric->bounds && value > metric->bound[i])
		i++;
	atomic_fetch_add_explicit(&metric->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&metric->value, value, memory_order_relaxed);
}

uint64_t metric_observations(const struct metric *metric)
{
	uint64_t count = 0;

	for (unsigned i = 0; i <= metric->bounds && metric->bucket; i++)
		count += atomic_load_explicit(&metric->bucket[i], memory_order_relaxed);
	return count;
}

int64_t metric_percentile(const struct metric *metric, unsigned percent)
{
	uint64_t count = metric_observations(metric), need = (count * percent + 99) / 100, seen = 0;

	if (count == 0)
		return 0;
	for (unsigned i = 0; i < metric->bounds; i++) {
		seen += atomic_load_explicit(&metric->bucket[i], memory_order_relaxed);
		if (seen >= need)
			return metric->bound[i];
	}
	return INT64_MAX;
}

static int metric_order(const void *a, const void *b)
{
	const struct metric *left = *(struct metric *const *)a, *right = *(struct metric *const *)b;
	int order = strcmp(left->name, right->name);

	return order ? order : strcmp(left->labels, right->labels);
}

void metric_each(void (*visit)(const struct metric *metric, void *data), void *data)
{
	struct metric **sorted, *metric;
	size_t at = 0, count = 0;

	pthread_mutex_lock(&table_lock);
	sorted = cpl_alloc((table.count + 1) * sizeof(struct metric *));
	while ((metric = cpl_map_next(&table, &at)))
		sorted[count++] = metric;
	qsort(sorted, count, sizeof(struct metric *), metric_order);
	for (size_t i = 0; i < count; i++)
		visit(sorted[i], data);
	pthread_mutex_unlock(&table_lock);
	cpl_free(sorted);
}

struct writing {
	struct cpl_buf *buf;
	const char *family; /* the name whose head has been written last */
};

static void write_head(struct writing *writing, const struct metric *metric)
{
	static const char *const kinds[] = {"counter", "gauge", "histogram"};

	if (writing->family && strcmp(writing->family, metric->name) == 0)
		return;
	writing->family = metric->name;
	cpl_buf_addf(writing->buf, "# TYPE %s %s\n# HELP %s %s\n", metric->name, kinds[metric->kind],
		     metric->name, metric->help);
}

static void write_one(const struct metric *metric, void *data)
{
	struct writing *writing = data;
	const char *open = metric->labels[0] ? "{" : "", *close = metric->labels[0] ? "}" : "";
	uint64_t count = 0;

	write_head(writing, metric);
	if (metric->kind != METRIC_HISTOGRAM) {
		cpl_buf_addf(writing->buf, "%s%s%s%s%s %lld\n", metric->name,
			     metric->kind == METRIC_COUNTER ? "_total" : "", open, metric->labels, close,
			     (long long)metric_value(metric));
		return;
	}
	for (unsigned i = 0; i <= metric->bounds; i++) {
		count += atomic_load_explicit(&metric->bucket[i], memory_order_relaxed);
		cpl_buf_addf(writing->buf, "%s_bucket{%s%sle=\"", metric->name, metric->labels,
			     metric->labels[0] ? "," : "");
		if (i < metric->bounds)
			cpl_buf_addf(writing->buf, "%lld\"} %llu\n", (long long)metric->bound[i],
				     (unsigned long long)count);
		else
			cpl_buf_addf(writing->buf, "+Inf\"} %llu\n", (unsigned long long)count);
	}
	cpl_buf_addf(writing->buf, "%s_sum%s%s%s %lld\n", metric->name, open, metric->labels, close,
		     (long long)metric_value(metric));
	cpl_buf_addf(writing->buf, "%s_count%s%s%s %llu\n", metric->name, open, metric->labels, close,
		     (unsigned long long)count);
}

void metric_write(struct cpl_buf *buf)
{
	struct writing writing = {.buf = buf};

	metric_each(write_one, &writing);
}
