/* SPDX-License-Identifier: MIT */
/* Permissions: the rank of roles, what a module asks for, what the configuration says. */
#include "unit.h"

#include "core/xmpp/permission.h"

#include <couplet/command.h>
#include <couplet/module.h>

CPL_PERMISSION(may_invite, "invite.create", CPL_ROLE_REGISTERED, "Invite a person.");
CPL_PERMISSION(may_revoke, "invite.revoke", CPL_ROLE_ADMIN, "Take an invitation back.");
CPL_PERMISSION(unlisted, "invite.unlisted", CPL_ROLE_GUEST, "Not in any descriptor.");

static struct config_permission said[2];
static struct cpl_str admins[] = {{"romeo@example.org", 17}};
static struct config configuration = {.core = {.admins = {admins, 1}}, .permissions = said};

static int set_up(void **state)
{
	permission_register(&may_invite);
	permission_register(&may_revoke);
	configuration.permission_count = 0;
	permission_configure(&configuration);
	return 0;
}

static int tear_down(void **state)
{
	permission_finish();
	may_invite.index = may_revoke.index = 0;
	return 0;
}

static void test_rank(void **state)
{
	assert_false(cpl_role_may(CPL_ROLE_GUEST, &may_invite));
	assert_true(cpl_role_may(CPL_ROLE_REGISTERED, &may_invite));
	assert_true(cpl_role_may(CPL_ROLE_OPERATOR, &may_invite));
	assert_false(cpl_role_may(CPL_ROLE_MEMBER, &may_revoke));
	assert_true(cpl_role_may(CPL_ROLE_ADMIN, &may_revoke));
}

static void test_unlisted_is_for_operators(void **state)
{
	assert_false(cpl_role_may(CPL_ROLE_ADMIN, &unlisted));
	assert_true(cpl_role_may(CPL_ROLE_OPERATOR, &unlisted));
	assert_false(cpl_role_may(CPL_ROLE_ADMIN, NULL));
	assert_true(cpl_role_may(CPL_ROLE_OPERATOR, NULL));
}

static void test_configuration(void **state)
{
	said[0] = (struct config_permission){CPL_STR("invite.create"), CPL_ROLE_OPERATOR};
	said[1] = (struct config_permission){CPL_STR("later.action"), CPL_ROLE_GUEST};
	configuration.permission_count = 2;
	permission_configure(&configuration);
	assert_false(cpl_role_may(CPL_ROLE_ADMIN, &may_invite));
	assert_true(cpl_role_may(CPL_ROLE_ADMIN, &may_revoke));
	/* A module that is loaded after the configuration was. */
	CPL_PERMISSION(later, "later.action", CPL_ROLE_OPERATOR, "Later.");
	permission_register(&later);
	assert_true(cpl_role_may(CPL_ROLE_GUEST, &later));
	/* What is not said any more is the module's again. */
	configuration.permission_count = 0;
	permission_configure(&configuration);
	assert_true(cpl_role_may(CPL_ROLE_REGISTERED, &may_invite));
	assert_false(cpl_role_may(CPL_ROLE_ADMIN, &later));
	later.index = 0;
}

static void test_same_action_same_index(void **state)
{
	struct cpl_permission other = {"invite.create", CPL_ROLE_ADMIN, "The next generation's.", 0};

	permission_register(&other);
	assert_int_equal(other.index, may_invite.index);
	assert_int_not_equal(other.index, may_revoke.index);
	assert_int_equal(permission_least(&other), CPL_ROLE_ADMIN);
	assert_int_equal(permission_least(&may_invite), CPL_ROLE_REGISTERED);
}

static void test_commands(void **state)
{
	struct cpl_buf name = {0};

	permission_of_command("session list [--host <host>]", &name);
	assert_str(cpl_buf_str(&name), "command.session.list");
	cpl_buf_clear(&name);
	permission_of_command("user role <account> [<word:role>]", &name);
	assert_str(cpl_buf_str(&name), "command.user.role");
	cpl_buf_finish(&name);
	assert_int_equal(permission_of_flags(CPL_COMMAND_ADHOC), CPL_ROLE_OPERATOR);
	assert_int_equal(permission_of_flags(CPL_COMMAND_FOR(CPL_ROLE_GUEST)), CPL_ROLE_GUEST);
	assert_int_equal(permission_of_flags(CPL_COMMAND_FOR(CPL_ROLE_ADMIN) | CPL_COMMAND_CONFIRM), CPL_ROLE_ADMIN);
	assert_int_equal(permission_of_flags(200u << CPL_COMMAND_ROLE_SHIFT), CPL_ROLE_OPERATOR);
}

static struct cpl_jid jid_of(const char *text)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid;

	assert_int_equal(cpl_jid_parse(&jid, cpl_str_of(text), arena), 0);
	cpl_arena_destroy(&arena); /* prepared already: the view is of `text` */
	return jid;
}

static void test_roles_of_addresses(void **state)
{
	assert_int_equal(cpl_role_of_jid(jid_of("romeo@example.org/orchard")), CPL_ROLE_OPERATOR);
	assert_int_equal(cpl_role_of_jid(jid_of("romeo@example.com")), CPL_ROLE_GUEST);
	assert_int_equal(cpl_role_of_jid(jid_of("example.org")), CPL_ROLE_GUEST);
	assert_int_equal(cpl_role_of_jid((struct cpl_jid){0}), CPL_ROLE_GUEST);
	assert_int_equal(cpl_role_of_session(NULL), CPL_ROLE_GUEST);
	assert_true(cpl_may(jid_of("romeo@example.org"), &may_revoke));
	assert_false(cpl_may((const struct cpl_session *)NULL, &may_invite));
}

static void test_cache_follows_the_configuration(void **state)
{
	struct config nobody = {.path = NULL};
	struct role_cache cache = {0};
	struct cpl_jid romeo = jid_of("romeo@example.org");

	assert_int_equal(role_effective(romeo, CPL_ROLE_MEMBER, &cache), CPL_ROLE_OPERATOR);
	permission_configure(&nobody);
	assert_int_equal(role_effective(romeo, CPL_ROLE_MEMBER, &cache), CPL_ROLE_MEMBER);
	permission_configure(&configuration);
	assert_int_equal(role_effective(romeo, CPL_ROLE_MEMBER, &cache), CPL_ROLE_OPERATOR);
}

static void test_stored_rows(void **state)
{
	struct cpl_value value = CPL_BYTES(CPL_STR("admin"));
	struct cpl_row row = {.values = &value};

	assert_int_equal(role_of_row(&row), CPL_ROLE_ADMIN);
	assert_int_equal(role_of_row(NULL), CPL_ROLE_REGISTERED);
	/* Not by the database: only the configuration makes operators. */
	value = CPL_BYTES(CPL_STR("operator"));
	assert_int_equal(role_of_row(&row), CPL_ROLE_REGISTERED);
	value = CPL_BYTES(CPL_STR("king"));
	assert_int_equal(role_of_row(&row), CPL_ROLE_REGISTERED);
	value = CPL_NULL;
	assert_int_equal(role_of_row(&row), CPL_ROLE_REGISTERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rank, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unlisted_is_for_operators, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_configuration, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_action_same_index, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_commands, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_roles_of_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cache_follows_the_configuration, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stored_rows, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("permission", tests, NULL, NULL);
}
