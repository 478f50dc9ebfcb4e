/* SPDX-License-Identifier: MIT */
/* Which id a row of an archive gets that comes back. */
#include "tests/unit/unit.h"
#include "core/xmpp/store.h"

static const struct cpl_store diary = {"diary", CPL_STORE_ARCHIVE, 1, NULL, NULL}, other = {"other", CPL_STORE_ARCHIVE, 1, NULL, NULL};
static const struct cpl_jid romeo = {.text = "romeo@example.org", .local_len = 5, .domain_len = 11};
static const struct cpl_jid juliet = {.text = "juliet@example.org", .local_len = 6, .domain_len = 11};

static const int64_t *ids_taken; /* ended by 0 */
static unsigned looks;

static bool is_taken(void *data, int64_t id)
{
	looks++;
	for (const int64_t *at = ids_taken; *at; at++)
		if (*at == id)
			return true;
	return false;
}

static bool all_taken(void *data, int64_t id)
{
	looks++;
	return true;
}

static void choice_of_an_id(void **state)
{
	static const int64_t taken_ids[] = {100, 101, 103, 200, 9000000, 0};
	struct cpl_store_step step = {.store = &diary, .account = romeo, .last = 9000000};
	struct cpl_id_choice choice = {0};
	const struct {
		int64_t had, chosen;
	} of[] = {
		{50, 50}, {100, 102},
		{102, 104}, /* behind the one before */
		{101, 105}, {105, 106}, {150, 150},
		{120, 120}, /* nothing was moved there */
		{200, 201}, {199, 202},
		{8999999, 8999999},
	};

	ids_taken = taken_ids;
	for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
		step.id = of[i].had;
		assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), of[i].chosen);
	}
	/* What was moved in one store, or of one account, moves nothing in another. */
	step.id = 102;
	assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), 203);
	step.store = &other;
	assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), 102);
	step.id = 100;
	assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), 102);
	step.id = 102;
	step.account = juliet;
	assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), 102);
	/* Where nothing is free a bounded number of looks finds out, and not even the new one is. */
	looks = 0;
	step.last = INT64_MAX;
	assert_int_equal(cpl_store_id_choose(&choice, &step, all_taken, NULL), 0);
	assert_int_equal(looks, 28);
	/* Then what follows has new ones, too, so that the order stays. */
	choice = (struct cpl_id_choice){0};
	step.id = 101;
	step.last = 102;
	assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), 102);
	step.id = 50;
	step.last = 110;
	assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), 104);
	step.id = 9000000;
	step.last = 9000000;
	assert_int_equal(cpl_store_id_choose(&choice, &step, is_taken, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(choice_of_an_id)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
