/* SPDX-License-Identifier: MIT */
/* The command that says what the log takes. */
#include "core/admin/builtin.h"
#include "core/base/logger_levels.h"
#include "core/config/config.h"
#include "core/module/manager.h"

#include <couplet/log.h>

static void row(struct cpl_invocation *in, const char *module, enum cpl_log_level level)
{
	cpl_row_begin(in);
	cpl_row_text(in, cpl_str_of(module));
	cpl_row_text(in, cpl_str_of(logger_level_name(level)));
	cpl_row_end(in);
}

static void show(struct cpl_invocation *in)
{
	struct logger_level own;

	row(in, "*", logger_level_common());
	for (size_t i = 0; logger_level_at(i, &own); i++)
		row(in, own.module, own.level);
	cpl_done(in);
}

static bool is_known(struct cpl_invocation *in, struct cpl_str module)
{
	const char *names[512] = {"core"};
	size_t count = 1, at = 0;
	const char *nearest;

	for (struct cpl_module *m = manager_next(&at); m && count < 512; m = manager_next(&at))
		names[count++] = cpl_module_name(m);
	for (size_t i = 0; i < count; i++)
		if (cpl_str_is(module, names[i]))
			return true;
	nearest = config_nearest(module, names, count);
	cpl_refuse(in, "there is no module %.*s%s%s%s", CPL_ARG(module), nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
	return false;
}

/* One word is a level, two are a module and its level. */
static void run_log_level(struct cpl_module *self, struct cpl_invocation *in)
{
	struct cpl_str first = cpl_arg(in, 0), second = cpl_arg(in, 1), module = second.ptr ? first : CPL_NONE, word = second.ptr ? second : first;
	enum cpl_log_level level;

	if (!first.ptr) {
		show(in);
		return;
	}
	if (module.ptr && !is_known(in, module))
		return;
	if (module.ptr && cpl_str_is(word, "default")) {
		logger_level_clear(module);
	} else if (!logger_level_of(word, &level)) {
		cpl_refuse(in, "\"%.*s\" is none of debug, info, warn, error%s", CPL_ARG(word), module.ptr ? ", default" : "");
		return;
	} else if (!logger_level_set(module, level)) {
		cpl_refuse(in, "%d modules have a level of their own already: end one with log level MODULE default", LOGGER_LEVELS);
		return;
	}
	show(in);
}

const struct cpl_command builtin_log[] = {
	{"log level [<word:module>] [<word:level>]", "Sets the level of the log until the next reload, for all modules or for one, or shows the levels.",
	 "The levels are debug, info, warn and error. A module's own level goes before the common one, which is shown as *; core is the server itself, and default ends the level of a "
	 "module. At debug the log also has the stanzas, without what people say. See log.level and log.modules in couplet.yml(5).",
	 "module,level", CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), run_log_level},
	CPL_COMMAND_END,
};
