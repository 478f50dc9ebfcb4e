/* SPDX-License-Identifier: MIT */
/* Levels of the log, of modules and of the tap. */
#include "core/base/logger_levels.h"

#include <pthread.h>

enum cpl_log_level cpl_log_threshold = CPL_LOG_INFO;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
	pthread_mutex_t lock;
	enum cpl_log_level common;
	struct logger_level own[LOGGER_LEVELS];
	size_t count;
	void (*tap)(enum cpl_log_level level, const char *module, struct cpl_str message);
	enum cpl_log_level tap_level;
	unsigned debug_watchers;
} levels = {.lock = PTHREAD_MUTEX_INITIALIZER, .common = CPL_LOG_INFO};

/* Under the lock, like all that follow up to the public functions. */
static void threshold_update(void)
{
	enum cpl_log_level lowest = levels.common;

	for (size_t i = 0; i < levels.count; i++)
		if (levels.own[i].level < lowest)
			lowest = levels.own[i].level;
	if (levels.tap && levels.tap_level < lowest)
		lowest = levels.tap_level;
	if (levels.debug_watchers)
		lowest = CPL_LOG_DEBUG;
	__atomic_store_n(&cpl_log_threshold, lowest, __ATOMIC_RELAXED);
}

static struct logger_level *own_find(struct cpl_str module)
{
	for (size_t i = 0; i < levels.count; i++)
		if (cpl_str_is(module, levels.own[i].module))
			return &levels.own[i];
	return NULL;
}

static bool own_set(struct cpl_str module, enum cpl_log_level level)
{
	struct logger_level *own = own_find(module);

	if (!own && (levels.count == LOGGER_LEVELS || module.len >= LOGGER_MODULE_NAME))
		return false;
	if (!own) {
		own = &levels.own[levels.count++];
		*own = (struct logger_level){.level = level};
		memcpy(own->module, module.ptr, module.len);
	}
	own->level = level;
	return true;
}

unsigned logger_judge(enum cpl_log_level level, const char *module)
{
	const struct logger_level *own;
	unsigned what = 0;

	pthread_mutex_lock(&levels.lock);
	own = levels.count ? own_find(cpl_str_of(module)) : NULL;
	if (level >= (own ? own->level : levels.common))
		what |= LOGGER_WRITE;
	if (levels.tap && level >= levels.tap_level)
		what |= LOGGER_TAP;
	pthread_mutex_unlock(&levels.lock);
	return what;
}

void logger_levels_reset(enum cpl_log_level level)
{
	pthread_mutex_lock(&levels.lock);
	levels.common = level;
	levels.count = 0;
	threshold_update();
	pthread_mutex_unlock(&levels.lock);
}

bool logger_level_set(struct cpl_str module, enum cpl_log_level level)
{
	bool good = true;

	pthread_mutex_lock(&levels.lock);
	if (module.ptr)
		good = own_set(module, level);
	else
		levels.common = level;
	threshold_update();
	pthread_mutex_unlock(&levels.lock);
	return good;
}

void logger_level_clear(struct cpl_str module)
{
	struct logger_level *own;

	pthread_mutex_lock(&levels.lock);
	own = own_find(module);
	if (own)
		*own = levels.own[--levels.count];
	threshold_update();
	pthread_mutex_unlock(&levels.lock);
}

enum cpl_log_level logger_level_common(void)
{
	return levels.common;
}

bool logger_level_at(size_t n, struct logger_level *level)
{
	if (n >= levels.count)
		return false;
	*level = levels.own[n];
	return true;
}

void logger_tap_set(void (*tap)(enum cpl_log_level level, const char *module, struct cpl_str message), enum cpl_log_level level)
{
	pthread_mutex_lock(&levels.lock);
	levels.tap = tap;
	levels.tap_level = level;
	threshold_update();
	pthread_mutex_unlock(&levels.lock);
}

void logger_tap(enum cpl_log_level level, const char *module, struct cpl_str message)
{
	pthread_mutex_lock(&levels.lock);
	if (levels.tap)
		levels.tap(level, module, message);
	pthread_mutex_unlock(&levels.lock);
}

void logger_watch_debug(bool on)
{
	pthread_mutex_lock(&levels.lock);
	levels.debug_watchers += on ? 1 : (unsigned)-1;
	threshold_update();
	pthread_mutex_unlock(&levels.lock);
}

bool logger_level_of(struct cpl_str name, enum cpl_log_level *level)
{
	for (int i = CPL_LOG_DEBUG; i <= CPL_LOG_ERROR; i++) {
		if (!cpl_str_is(name, level_names[i]))
			continue;
		*level = (enum cpl_log_level)i;
		return true;
	}
	return false;
}

const char *logger_level_name(enum cpl_log_level level)
{
	return level_names[level];
}
