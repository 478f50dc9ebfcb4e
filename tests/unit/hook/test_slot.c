/* SPDX-License-Identifier: MIT */
/* Slots: data per object, released once by the right code, kept or migrated over a reload. */
#include "fixture.h"

#include "core/hook/slot.h"

struct data {
	int value;
	const void *pointer;
};

static unsigned released;

static void release_data(void *data)
{
	released++;
	assert_non_null(account_now.module);
	cpl_free(data);
}

static void release_by_beta(void *data)
{
	assert_ptr_equal(account_now.module, &beta);
	release_data(data);
}

static int set_up_slots(void **state)
{
	released = 0;
	return set_up(state);
}

static void *make(struct cpl_slots *slots, const struct cpl_slot *slot, struct cpl_module *module, int value)
{
	struct account_visit visit = account_enter(module->account, module, ACCOUNT_IN_CORE);
	struct data *data = cpl_slot_make(slots, slot);

	data->value = value;
	account_leave(&visit);
	return data;
}

static void data_per_object(void **state)
{
	CPL_SLOT(one, SESSION, struct data, 1, release_data);
	CPL_SLOT(two, SESSION, struct data, 1, NULL);
	CPL_SLOT(of_user, USER, struct data, 1, NULL);
	struct cpl_slots first = {0}, second = {0}, user = {0};
	struct data *data;

	assert_int_equal(slot_register(&one, &alpha, "alpha", NULL), 0);
	assert_int_equal(slot_register(&two, &beta, "beta", NULL), 0);
	assert_int_equal(slot_register(&of_user, &beta, "beta", NULL), 0);
	assert_null(cpl_slot_get(&first, &one));
	data = make(&first, &one, &alpha, 7);
	assert_ptr_equal(cpl_slot_make(&first, &one), data);
	assert_ptr_equal(cpl_slot_get(&first, &one), data);
	assert_null(cpl_slot_get(&first, &two));
	assert_null(cpl_slot_get(&second, &one));
	make(&second, &two, &beta, 8);
	make(&user, &of_user, &beta, 9);
	assert_int_equal(alpha.account->memory->blocks, 1);
	assert_int_equal(beta.account->memory->blocks, 2);
	cpl_slot_clear(&first, &one);
	assert_int_equal(released, 1);
	assert_null(cpl_slot_get(&first, &one));
	/* Nor is there an array without data. */
	assert_null(first.items);
	make(&first, &one, &alpha, 7);
	slot_release_all(&first, CPL_SLOT_OF_SESSION);
	assert_int_equal(released, 2);
	assert_null(first.items);
	/* Leaving takes the data of every object with it. */
	make(&first, &one, &alpha, 1);
	make(&second, &one, &alpha, 2);
	slot_unregister(&one, &alpha);
	assert_int_equal(released, 4);
	assert_int_equal(alpha.account->memory->blocks, 0);
	assert_int_equal(beta.account->memory->blocks, 2);
	slot_unregister(&two, &beta);
	slot_unregister(&of_user, &beta);
	assert_int_equal(beta.account->memory->blocks, 0);
	slot_release_all(&first, CPL_SLOT_OF_SESSION);
	slot_release_all(&second, CPL_SLOT_OF_SESSION);
	slot_release_all(&user, CPL_SLOT_OF_USER);
}

/* In what follows alpha is the former and beta the new generation of one module, "it". */

static void same_layout_keeps_data(void **state)
{
	struct cpl_slot before = {"state", CPL_SLOT_OF_SESSION, 3, release_data, NULL, 0, sizeof(struct data)};
	struct cpl_slot now = {"state", CPL_SLOT_OF_SESSION, 3, release_by_beta, NULL, 0, sizeof(struct data)};
	struct cpl_slot *const old_slots[] = {&before, NULL}, *const new_slots[] = {&now, NULL};
	struct cpl_slots session = {0};
	struct data *data;

	assert_int_equal(slot_register(&before, &alpha, "it", NULL), 0);
	data = make(&session, &before, &alpha, 5);
	assert_int_equal(slot_register(&now, &beta, "it", NULL), 0);
	slot_take_over(old_slots, &alpha, new_slots, &beta);
	assert_ptr_equal(cpl_slot_get(&session, &now), data);
	assert_int_equal(data->value, 5);
	assert_int_equal(alpha.account->memory->blocks, 0);
	assert_int_equal(beta.account->memory->blocks, 1);
	slot_unregister(&before, &alpha);
	assert_int_equal(released, 0);
	slot_release_all(&session, CPL_SLOT_OF_SESSION);
	assert_int_equal(released, 1);
	slot_unregister(&now, &beta);
}

static void failed_reload_leaves_data(void **state)
{
	struct cpl_slot before = {"state", CPL_SLOT_OF_SESSION, 3, release_data, NULL, 0, sizeof(struct data)};
	struct cpl_slot now = {"state", CPL_SLOT_OF_SESSION, 3, release_by_beta, NULL, 0, sizeof(struct data)};
	struct cpl_slots session = {0};

	slot_register(&before, &alpha, "it", NULL);
	make(&session, &before, &alpha, 5);
	slot_register(&now, &beta, "it", NULL);
	slot_unregister(&now, &beta);
	assert_int_equal(released, 0);
	assert_non_null(cpl_slot_get(&session, &before));
	slot_unregister(&before, &alpha);
	assert_int_equal(released, 1);
	slot_release_all(&session, CPL_SLOT_OF_SESSION);
}

struct longer {
	int value;
	int more[10];
};

static void *migrate(unsigned old_layout, void *data)
{
	struct longer *longer = CPL_NEW(struct longer);

	assert_int_equal(old_layout, 3);
	longer->value = ((struct data *)data)->value;
	longer->more[9] = 9;
	cpl_free(data);
	return longer;
}

static void other_layout_migrates(void **state)
{
	struct cpl_slot before = {"state", CPL_SLOT_OF_SESSION, 3, release_data, NULL, 0, sizeof(struct data)};
	struct cpl_slot now = {"state", CPL_SLOT_OF_SESSION, 4, release_by_beta, migrate, 0, sizeof(struct longer)};
	struct cpl_slot *const old_slots[] = {&before, NULL}, *const new_slots[] = {&now, NULL};
	struct cpl_slots sessions[5] = {0}, empty = {0};

	slot_register(&before, &alpha, "it", NULL);
	for (int i = 0; i < 5; i++)
		make(&sessions[i], &before, &alpha, i);
	slot_register(&now, &beta, "it", NULL);
	slot_take_over(old_slots, &alpha, new_slots, &beta);
	for (int i = 0; i < 5; i++) {
		const struct longer *longer = cpl_slot_get(&sessions[i], &now);

		assert_non_null(longer);
		assert_int_equal(longer->value, i);
		assert_int_equal(longer->more[9], 9);
		assert_null(cpl_slot_get(&sessions[i], &before));
	}
	assert_null(cpl_slot_get(&empty, &now));
	assert_int_equal(released, 0);
	assert_int_equal(alpha.account->memory->blocks, 0);
	/* What the former generation still makes is released with its own code. */
	make(&sessions[0], &before, &alpha, 1);
	slot_unregister(&before, &alpha);
	assert_int_equal(released, 1);
	slot_unregister(&now, &beta);
	assert_int_equal(released, 6);
	for (int i = 0; i < 5; i++)
		slot_release_all(&sessions[i], CPL_SLOT_OF_SESSION);
}

static void layout_of_a_generation_that_drains_is_taken_over(void **state)
{
	struct cpl_slot first = {"state", CPL_SLOT_OF_SESSION, 3, release_data, NULL, 0, sizeof(struct data)};
	struct cpl_slot second = {"state", CPL_SLOT_OF_SESSION, 4, release_by_beta, migrate, 0, sizeof(struct longer)};
	struct cpl_slot third = {"state", CPL_SLOT_OF_SESSION, 3, release_by_beta, NULL, 0, sizeof(struct data)};
	struct cpl_slot *const first_slots[] = {&first, NULL}, *const second_slots[] = {&second, NULL}, *const third_slots[] = {&third, NULL};
	struct cpl_slots session = {0};

	slot_register(&first, &alpha, "it", NULL);
	make(&session, &first, &alpha, 1);
	slot_register(&second, &beta, "it", NULL);
	slot_take_over(first_slots, &alpha, second_slots, &beta);
	slot_register(&third, &beta, "it", NULL);
	slot_take_over(second_slots, &beta, third_slots, &beta);
	assert_int_equal(released, 1);
	slot_unregister(&second, &beta);
	make(&session, &third, &beta, 2);
	/* The first generation ends last and has nothing to do with it any more. */
	slot_unregister(&first, &alpha);
	assert_int_equal(released, 1);
	assert_int_equal(((struct data *)cpl_slot_get(&session, &third))->value, 2);
	slot_unregister(&third, &beta);
	assert_int_equal(released, 2);
	slot_release_all(&session, CPL_SLOT_OF_SESSION);
}

static void other_layout_without_migration_is_released_by_old_code(void **state)
{
	struct cpl_slot before = {"state", CPL_SLOT_OF_SESSION, 3, release_data, NULL, 0, sizeof(struct data)};
	struct cpl_slot now = {"state", CPL_SLOT_OF_SESSION, 4, release_by_beta, NULL, 0, sizeof(struct longer)};
	struct cpl_slot *const old_slots[] = {&before, NULL}, *const new_slots[] = {&now, NULL};
	struct cpl_slots session = {0};

	slot_register(&before, &alpha, "it", NULL);
	make(&session, &before, &alpha, 1);
	slot_register(&now, &beta, "it", NULL);
	slot_take_over(old_slots, &alpha, new_slots, &beta);
	assert_int_equal(released, 1);
	assert_null(cpl_slot_get(&session, &now));
	slot_unregister(&before, &alpha);
	slot_unregister(&now, &beta);
	slot_release_all(&session, CPL_SLOT_OF_SESSION);
}

static void other_size_needs_another_layout(void **state)
{
	struct cpl_slot before = {"state", CPL_SLOT_OF_SESSION, 3, NULL, NULL, 0, sizeof(struct data)};
	struct cpl_slot now = {"state", CPL_SLOT_OF_SESSION, 3, NULL, NULL, 0, sizeof(struct longer)};
	struct cpl_error error;

	slot_register(&before, &alpha, "it", NULL);
	assert_int_equal(slot_register(&now, &beta, "it", &error), CPL_E_INVALID);
	assert_non_null(strstr(error.text, "slot state has another size"));
	slot_unregister(&before, &alpha);
}

static const char *found_slot;

static void found(const char *slot, const char *module)
{
	found_slot = slot;
	assert_string_equal(module, "it");
}

static void pointers_into_old_code_are_found(void **state)
{
	static const char old_text[64] = "a literal of the old generation";
	struct cpl_slot slot = {"state", CPL_SLOT_OF_SESSION, 3, NULL, NULL, 0, sizeof(struct data)};
	struct cpl_slots session = {0};
	struct data *data;

	slot_register(&slot, &alpha, "it", NULL);
	data = make(&session, &slot, &alpha, 1);
	found_slot = NULL;
	slot_scan(&alpha, (uintptr_t)old_text, (uintptr_t)old_text + sizeof(old_text), found);
	assert_null(found_slot);
	data->pointer = old_text + 10;
	slot_scan(&beta, (uintptr_t)old_text, (uintptr_t)old_text + sizeof(old_text), found);
	assert_null(found_slot);
	slot_scan(&alpha, (uintptr_t)old_text, (uintptr_t)old_text + sizeof(old_text), found);
	assert_string_equal(found_slot, "state");
	slot_unregister(&slot, &alpha);
	slot_release_all(&session, CPL_SLOT_OF_SESSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(data_per_object, set_up_slots, tear_down),
		cmocka_unit_test_setup_teardown(same_layout_keeps_data, set_up_slots, tear_down),
		cmocka_unit_test_setup_teardown(failed_reload_leaves_data, set_up_slots, tear_down),
		cmocka_unit_test_setup_teardown(other_layout_migrates, set_up_slots, tear_down),
		cmocka_unit_test_setup_teardown(layout_of_a_generation_that_drains_is_taken_over, set_up_slots, tear_down),
		cmocka_unit_test_setup_teardown(other_layout_without_migration_is_released_by_old_code, set_up_slots, tear_down),
		cmocka_unit_test_setup_teardown(other_size_needs_another_layout, set_up_slots, tear_down),
		cmocka_unit_test_setup_teardown(pointers_into_old_code_are_found, set_up_slots, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
