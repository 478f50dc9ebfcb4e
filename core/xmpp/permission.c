/* SPDX-License-Identifier: MIT */
/* Permissions: the numbers of actions, and what the configuration says of them. */
#include "core/xmpp/permission.h"

#include "core/base/account.h"

#include <couplet/command.h>
#include <couplet/module.h>

/* by_index[i - 1] */
static struct {
	char *action;
	int least; /* of the configuration; -1: it says nothing */
} *by_index;
static uint32_t index_count;
static const struct config *configuration;
static uint32_t epoch = 1;

static uint32_t index_of(struct cpl_str action)
{
	struct account *before;

	for (uint32_t i = 0; i < index_count; i++)
		if (cpl_str_is(action, by_index[i].action))
			return i + 1;
	before = account_as_core();
	by_index = cpl_realloc(by_index, (index_count + 1) * sizeof(*by_index));
	by_index[index_count].action = cpl_strdup(action);
	by_index[index_count].least = -1;
	account_back(before);
	return ++index_count;
}

void permission_register(struct cpl_permission *permission)
{
	permission->index = index_of(cpl_str_of(permission->action));
}

enum cpl_role permission_least(const struct cpl_permission *permission)
{
	uint32_t index = permission ? permission->index : 0;

	if (index == 0 || index > index_count)
		return CPL_ROLE_OPERATOR;
	return by_index[index - 1].least < 0 ? permission->least : (enum cpl_role)by_index[index - 1].least;
}

bool cpl_role_may(enum cpl_role role, const struct cpl_permission *action)
{
	return role >= permission_least(action);
}

void permission_of_command(const char *form, struct cpl_buf *action)
{
	struct cpl_str rest = cpl_str_of(form), word;

	cpl_buf_add(action, CPL_STR("command"));
	while (cpl_str_split(&rest, ' ', &word) && word.len && word.ptr[0] != '<' && word.ptr[0] != '[') {
		cpl_buf_add_char(action, '.');
		cpl_buf_add(action, word);
	}
}

enum cpl_role permission_of_flags(unsigned flags)
{
	unsigned least = flags >> CPL_COMMAND_ROLE_SHIFT & 0xff;

	return least == 0 || least > CPL_ROLE_OPERATOR ? CPL_ROLE_OPERATOR : (enum cpl_role)(least - 1);
}

void permission_configure(const struct config *config)
{
	configuration = config;
	epoch++;
	for (uint32_t i = 0; i < index_count; i++)
		by_index[i].least = -1;
	for (size_t i = 0; config && i < config->permission_count; i++) {
		uint32_t index = index_of(config->permissions[i].action);

		by_index[index - 1].least = config->permissions[i].role;
	}
}

void permission_finish(void)
{
	while (index_count > 0)
		cpl_free(by_index[--index_count].action);
	CPL_FREE(by_index);
	configuration = NULL;
}

/* ---- roles ---- */

bool cpl_is_admin(struct cpl_jid jid)
{
	struct cpl_str bare = cpl_jid_str(cpl_jid_bare(jid));

	for (size_t i = 0; configuration && i < configuration->core.admins.count; i++)
		if (cpl_str_equal(configuration->core.admins.items[i], bare))
			return true;
	return false;
}

bool cpl_admin_next(size_t *at, struct cpl_str *jid)
{
	if (!configuration || *at >= configuration->core.admins.count)
		return false;
	*jid = configuration->core.admins.items[(*at)++];
	return true;
}

enum cpl_role role_effective(struct cpl_jid account, enum cpl_role stored, struct role_cache *cache)
{
	if (cache->epoch != epoch) {
		cache->operator_ = cpl_is_admin(account);
		cache->epoch = epoch;
	}
	return cache->operator_ ? CPL_ROLE_OPERATOR : stored;
}

const char *cpl_role_name(enum cpl_role role)
{
	return config_role_names[role <= CPL_ROLE_OPERATOR ? role : CPL_ROLE_GUEST];
}

bool cpl_role_parse(struct cpl_str name, enum cpl_role *role)
{
	for (int i = 0; config_role_names[i]; i++)
		if (cpl_str_is(name, config_role_names[i])) {
			*role = (enum cpl_role)i;
			return true;
		}
	return false;
}
