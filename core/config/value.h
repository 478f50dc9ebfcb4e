/* SPDX-License-Identifier: MIT */
/*
 * From text to value: what an administrator may write for each kind of option. Pure functions, any thread.
 *
 *   BOOL   true, false
 *   INT    a decimal number with an optional sign
 *   TIME   500ms, 30s, 5m, 2h, 7d; a bare number is seconds. The value is in milliseconds
 *   SIZE   512, 64K, 1M, 2G, 1T: bytes, powers of 1024
 */
#ifndef CORE_CONFIG_VALUE_H
#define CORE_CONFIG_VALUE_H

#include <couplet/option.h>

bool config_value_bool(struct cpl_str text, bool *out);
/* INT, TIME and SIZE; not negative for the last two. False, with *out as it was, for anything else and on overflow. */
bool config_value_number(enum cpl_option_kind kind, struct cpl_str text, int64_t *out);
/* The index of `text` in `values`, or -1. */
int config_value_enum(struct cpl_str text, const char *const *values);
/* What may be written for a kind, for messages and manuals: "a time such as 500ms, 30s, 5m, 2h or 7d". */
const char *config_value_help(enum cpl_option_kind kind);

#endif
