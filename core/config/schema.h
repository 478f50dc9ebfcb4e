/* SPDX-License-Identifier: MIT */
/*
 * Option tables against mappings of the tree: every fault is reported where it stands, and what is right becomes a field of the struct.
 */
#ifndef CORE_CONFIG_SCHEMA_H
#define CORE_CONFIG_SCHEMA_H

#include "core/config/tree.h"

/* Where values go and faults are told. */
struct config_target {
	const struct cpl_option *options; /* NULL: none */
	const char *prefix; /* put before names in messages: "ping."; for the core "" */
	const char *group;  /* core: only the options "GROUP.name" and their last parts; else NULL */
	void *values;
	struct cpl_arena *arena;
	struct config_report *report;
	/* Who shares the mapping: the names that it knows are passed over. NULL: nobody. */
	const struct config_target *beside;
	bool lenient; /* unknown names are somebody else's to judge */
};

/* Sets every field to its default. A default that does not fit its own option is a mistake of the module and is reported at `where`. */
void config_schema_defaults(const struct config_target *target, const struct config_node *where);
/* The option that a name in a mapping means, or NULL. */
const struct cpl_option *config_schema_find(const struct config_target *target, struct cpl_str name);
/* Sets one field from a node; false when it is faulty (reported, the field keeps what it had). */
bool config_schema_set(const struct config_target *target, const struct cpl_option *option, const struct config_node *node);
/* Sets all that a mapping gives; unknown names are faults with the nearest. in_host: CPL_GLOBAL_ONLY options are faults. */
void config_schema_apply(const struct config_target *target, const struct config_node *map, bool in_host);
/* Only the faults about unknown names. */
void config_schema_strangers(const struct config_target *target, const struct config_node *map);
/* Required options that neither mapping (each may be NULL) gives are faults at `where` (NULL: not told); true when there is none. */
bool config_schema_complete(const struct config_target *target, const struct config_node *outer, const struct config_node *inner,
			    const struct config_node *where);

#endif
