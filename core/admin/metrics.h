/* SPDX-License-Identifier: MIT */
/*
 * The core's metrics: what core/base/count.h has counted and what lives now, as metrics of core/base/metric.h. They are brought up to date when
 * somebody asks, so that nothing is spent on them meanwhile. Session thread.
 */
#ifndef CORE_ADMIN_METRICS_H
#define CORE_ADMIN_METRICS_H

#include <stdint.h>

/* Makes them if need be, and gives them their present values. */
void metrics_collect(void);
/* Drops them. */
void metrics_finish(void);
/* Bytes of memory that the process has (resident). */
int64_t metrics_resident(void);

#endif
