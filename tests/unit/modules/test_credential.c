/* SPDX-License-Identifier: MIT */
/* What is stored of a password, and what stands in for it where there is no account. */
#include "unit.h"

#include "modules/auth/credential.h"

static const struct cpl_jid romeo = {"romeo@example.org", 5, 11, 0, 0};
static const struct cpl_jid rom = {"rom@eo.example.org", 3, 14, 0, 0};

static void derive(struct credentials *credentials, const char *password)
{
	for (int hash = 0; hash < SCRAM_HASHES; hash++)
		scram_derive((enum scram_hash)hash, cpl_str_of(password), &credentials->keys[hash]);
}

/* The columns hold all that is needed, and salts are fresh for each password and hash. */
static void row_and_back(void **state)
{
	struct credentials one, two, back;
	struct cpl_value values[CREDENTIALS_COLUMNS];
	struct cpl_row row = {.values = values};
	unsigned columns = 0;

	credentials_salt(&one, 4096);
	credentials_salt(&two, 4096);
	assert_memory_not_equal(one.keys[SCRAM_SHA_1].salt, one.keys[SCRAM_SHA_256].salt, SCRAM_SALT_NEW);
	assert_memory_not_equal(one.keys[SCRAM_SHA_1].salt, two.keys[SCRAM_SHA_1].salt, SCRAM_SALT_NEW);
	derive(&one, "rose");
	derive(&two, "rose");
	assert_memory_not_equal(one.keys[SCRAM_SHA_256].stored_key, two.keys[SCRAM_SHA_256].stored_key,
				SCRAM_DIGEST_MAX);
	while (credentials_store.columns[columns].name)
		columns++;
	assert_int_equal(columns, CREDENTIALS_COLUMNS);
	credentials_to_values(&one, values);
	assert_true(credentials_from_row(&back, &row));
	assert_memory_equal(&back, &one, sizeof(one));
}

/* Imported keys may be there for one hash only; a row without any, or with a damaged one, is no row. */
static void partial_and_damaged_rows(void **state)
{
	struct credentials one, back;
	struct cpl_value values[CREDENTIALS_COLUMNS];
	struct cpl_row row = {.values = values};

	credentials_salt(&one, 4096);
	derive(&one, "rose");
	one.keys[SCRAM_SHA_256] = (struct scram_keys){0};
	credentials_to_values(&one, values);
	assert_true(credentials_from_row(&back, &row));
	assert_int_equal(back.keys[SCRAM_SHA_256].iterations, 0);
	assert_int_equal(back.keys[SCRAM_SHA_1].iterations, 4096);
	for (int i = 0; i < 4; i++) {
		struct cpl_value kept = values[i];

		if (kept.type == CPL_VALUE_INTEGER) {
			values[i].integer = 0;
			assert_false(credentials_from_row(&back, &row));
			values[i].integer = (int64_t)SCRAM_ITERATIONS_MAX + 1;
		} else {
			values[i].bytes.len = 0;
			assert_false(credentials_from_row(&back, &row));
			values[i].bytes.len = SCRAM_SALT_MAX + 1;
		}
		assert_false(credentials_from_row(&back, &row));
		values[i] = CPL_NULL;
		assert_false(credentials_from_row(&back, &row));
		values[i] = kept;
	}
	one.keys[SCRAM_SHA_1] = (struct scram_keys){0};
	credentials_to_values(&one, values);
	assert_false(credentials_from_row(&back, &row));
}

/* RFC 6120 13.11 and RFC 5802 5.1: stable, different for each name, host and hash, of the usual length and
 * count, and without a password that fits */
static void decoys(void **state)
{
	struct auth auth = {{1, 2, 3}}, other = {{3, 2, 1}};
	struct scram_keys keys, again;

	credentials_decoy(&auth, romeo, SCRAM_SHA_1, 10000, &keys);
	assert_int_equal(keys.salt_size, SCRAM_SALT_NEW);
	assert_int_equal(keys.iterations, 10000);
	credentials_decoy(&auth, romeo, SCRAM_SHA_1, 10000, &again);
	assert_memory_equal(again.salt, keys.salt, SCRAM_SALT_NEW);
	assert_memory_not_equal(again.stored_key, keys.stored_key, SCRAM_DIGEST_MAX);
	credentials_decoy(&auth, romeo, SCRAM_SHA_256, 10000, &again);
	assert_memory_not_equal(again.salt, keys.salt, SCRAM_SALT_NEW);
	credentials_decoy(&auth, rom, SCRAM_SHA_1, 10000, &again);
	assert_memory_not_equal(again.salt, keys.salt, SCRAM_SALT_NEW);
	credentials_decoy(&other, romeo, SCRAM_SHA_1, 10000, &again);
	assert_memory_not_equal(again.salt, keys.salt, SCRAM_SALT_NEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_and_back),
		cmocka_unit_test(partial_and_damaged_rows),
		cmocka_unit_test(decoys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
