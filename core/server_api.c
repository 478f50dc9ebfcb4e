/* SPDX-License-Identifier: MIT */
/* What modules may ask of the server: the last part of <couplet/module.h>. */
#include "core/server.h"

#include <couplet/module.h>

struct cpl_str cpl_data_directory(void)
{
	return server_config()->core.data;
}

const char *cpl_version(void)
{
	return COUPLET_VERSION;
}

int64_t cpl_started_at(void)
{
	return server_started_at();
}

int64_t cpl_core_option(const char *name)
{
	const struct config_core *core = &server_config()->core;
	struct cpl_str wanted = cpl_str_of(name);

	for (const struct cpl_option *option = config_core_options; option->name; option++) {
		const char *dot = strchr(option->name, '.');
		const void *field = (const char *)core + option->offset;

		if (!cpl_str_is(wanted, option->name) && !(dot && cpl_str_is(wanted, dot + 1)))
			continue;
		switch (option->kind) {
		case CPL_OPTION_INT:
		case CPL_OPTION_TIME:
		case CPL_OPTION_SIZE:
			return *(const int64_t *)field;
		case CPL_OPTION_BOOL:
			return *(const bool *)field;
		case CPL_OPTION_ENUM:
			return *(const int *)field;
		default:
			return 0;
		}
	}
	return 0;
}
