/* SPDX-License-Identifier: MIT */
/* <couplet/metric.h>: handles of metrics, on their module's ledger. */
#include "core/base/metric.h"
#include "core/module/module.h"

struct cpl_metric {
	struct ledger_entry entry;
	struct metric *metric;
};

static void release(struct ledger_entry *entry)
{
	struct cpl_metric *handle = CPL_CONTAINER(entry, struct cpl_metric, entry);

	metric_unref(&handle->metric);
	cpl_free(handle);
}

static struct cpl_metric *handle_create(struct cpl_module *self, struct metric *metric)
{
	struct cpl_metric *handle;

	if (!metric)
		return NULL;
	handle = CPL_NEW(struct cpl_metric);
	handle->metric = metric;
	ledger_add(&self->ledger, &handle->entry, LEDGER_METRIC, release);
	return handle;
}

/* Of the module's metric; to be freed. A family has the suffix _total when it is written, so a name may not have it already. */
static char *full_name(const struct cpl_module *self, const char *name)
{
	return cpl_asprintf("couplet_%s_%s", self->descriptor.name, name);
}

static struct cpl_metric *plain(struct cpl_module *self, enum metric_kind kind, const char *name, const char *help, const char *label,
				struct cpl_str value)
{
	const struct metric_label row = {label, value};
	char *full = full_name(self, name);
	struct metric *metric = metric_ref(kind, full, help, &row, label ? 1 : 0);

	cpl_free(full);
	return handle_create(self, metric);
}

struct cpl_metric *cpl_metric_counter(struct cpl_module *self, const char *name, const char *help, const char *label, struct cpl_str value)
{
	return plain(self, METRIC_COUNTER, name, help, label, value);
}

struct cpl_metric *cpl_metric_gauge(struct cpl_module *self, const char *name, const char *help, const char *label, struct cpl_str value)
{
	return plain(self, METRIC_GAUGE, name, help, label, value);
}

struct cpl_metric *cpl_metric_histogram(struct cpl_module *self, const char *name, const char *help, const char *label, struct cpl_str value,
					const int64_t *bounds, size_t count)
{
	const struct metric_label row = {label, value};
	struct metric *metric;
	char *full;

	if (count < 1 || count > METRIC_BUCKETS)
		return NULL;
	for (size_t i = 1; i < count; i++)
		if (bounds[i - 1] >= bounds[i])
			return NULL;
	full = full_name(self, name);
	metric = metric_ref_histogram(full, help, &row, label ? 1 : 0, bounds, (unsigned)count);
	cpl_free(full);
	return handle_create(self, metric);
}

void cpl_metric_add(struct cpl_metric *metric, int64_t n)
{
	if (metric && metric->metric->kind != METRIC_HISTOGRAM && (n >= 0 || metric->metric->kind == METRIC_GAUGE))
		metric_add(metric->metric, n);
}

void cpl_metric_set(struct cpl_metric *metric, int64_t value)
{
	if (metric && metric->metric->kind == METRIC_GAUGE)
		metric_set(metric->metric, value);
}

void cpl_metric_observe(struct cpl_metric *metric, int64_t value)
{
	if (metric && metric->metric->kind == METRIC_HISTOGRAM)
		metric_observe(metric->metric, value);
}

int64_t cpl_metric_value(const struct cpl_metric *metric)
{
	return metric ? metric_value(metric->metric) : 0;
}

void cpl_metric_drop(struct cpl_metric **pointer)
{
	struct cpl_metric *metric = *pointer;

	*pointer = NULL;
	if (!metric)
		return;
	ledger_remove(&metric->entry);
	release(&metric->entry);
}
