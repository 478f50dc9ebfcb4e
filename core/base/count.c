/* SPDX-License-Identifier: MIT */
/* What the core counts. */
#include "core/base/count.h"

uint64_t counts[COUNTS];
