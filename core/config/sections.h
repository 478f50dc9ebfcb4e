/* SPDX-License-Identifier: MIT */
/* What the two steps of reading a configuration (config.c and judge.c) share. */
#ifndef CORE_CONFIG_SECTIONS_H
#define CORE_CONFIG_SECTIONS_H

#include "core/config/schema.h"

/* Names with a meaning of their own at the top level, in a host and in a listener; ended by NULL. All others are names of modules. */
extern const char *const config_top_names[];  /* beside the core's options and their groups */
extern const char *const config_host_names[];
extern const char *const config_listen_names[];
/* Groups of the core's options: "log", "limits" ...; ended by NULL. */
extern const char *const config_core_groups[];
/* What the core says of a mapping that it may share with a module of the same name; NULL: nothing. Good until the next call. */
const struct config_target *config_core_group(struct cpl_str name);

bool config_is_one_of(struct cpl_str name, const char *const *names);
/* True when the core itself gives a meaning to a name at the top level. */
bool config_is_core_name(struct cpl_str name);
/* [a-z][a-z0-9_]*, at most 63: it becomes a file name. */
bool config_is_module_name(struct cpl_str name);

#endif
