/* SPDX-License-Identifier: MIT */
/* PLAIN's message, the mechanisms, and the downgrade hash. */
#include "unit.h"

#include "modules/auth/mechanism.h"
#include "modules/auth/plain.h"
#include <couplet/conn.h>
#include <couplet/time.h>

/* RFC 4616 section 2 and 4 */
static void plain_messages(void **state)
{
	struct plain_message plain;

	assert_true(plain_parse(&plain, CPL_STR("\0tim\0tanstaaftanstaaf")));
	assert_null(plain.authzid.ptr);
	assert_str(plain.username, "tim");
	assert_str(plain.password, "tanstaaftanstaaf");
	assert_true(plain_parse(&plain, CPL_STR("Ursel\0Kurt\0xipj3plmq")));
	assert_str(plain.authzid, "Ursel");
	assert_str(plain.username, "Kurt");
	assert_str(plain.password, "xipj3plmq");
}

static void hostile_plain_messages(void **state)
{
	static const struct cpl_str messages[] = {
		CPL_STR(""),
		CPL_STR("\0"),
		CPL_STR("\0\0"),
		CPL_STR("\0\0\0"),
		CPL_STR("romeo"),
		CPL_STR("romeo\0rose"),
		CPL_STR("\0\0rose"),
		CPL_STR("\0romeo\0"),
		CPL_STR("\0romeo\0ro\0se"),
		CPL_STR("\0romeo\0rose\0"),
		CPL_STR("\0rom\xff\0rose"),
		CPL_STR("\0romeo\0\xc0\x80"),
	};
	struct plain_message plain;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		assert_false(plain_parse(&plain, messages[i]));
}

static void mechanisms(void **state)
{
	int count = 0;

	for (; mechanism_names[count]; count++) {
		assert_int_equal(mechanism_find(cpl_str_of(mechanism_names[count])), count);
		assert_int_equal(mechanism_is_plus((enum mechanism)count),
				 strstr(mechanism_names[count], "-PLUS") != NULL);
	}
	assert_int_equal(count, MECHANISMS);
	assert_int_equal(mechanism_find(CPL_STR("plain")), -1);
	assert_int_equal(mechanism_find(CPL_STR("SCRAM-SHA-1 ")), -1);
	assert_int_equal(mechanism_find(CPL_STR("")), -1);
	assert_int_equal(mechanism_find(CPL_NONE), -1);
	assert_int_equal(mechanism_hash(MECHANISM_SHA_1_PLUS), SCRAM_SHA_1);
	assert_int_equal(mechanism_hash(MECHANISM_SHA_256), SCRAM_SHA_256);
	assert_int_equal(binding_find(CPL_STR("tls-exporter")), CPL_BINDING_EXPORTER);
	assert_int_equal(binding_find(CPL_STR("tls-server-end-point")), CPL_BINDING_SERVER_END_POINT);
	assert_int_equal(binding_find(CPL_STR("tls-unique")), CPL_BINDING_TLS_UNIQUE);
	assert_int_equal(binding_find(CPL_STR("tls-unique-for-telnet")), -1);
}

/* XEP-0474, the example: the hash over SCRAM-SHA-1, SCRAM-SHA-1-PLUS and two types */
static void downgrade(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();
	unsigned both = OFFER(MECHANISM_SHA_1) | OFFER(MECHANISM_SHA_1_PLUS);
	unsigned types = OFFER(CPL_BINDING_EXPORTER) | OFFER(CPL_BINDING_SERVER_END_POINT);
	unsigned char digest[SCRAM_DIGEST_MAX];

	assert_str(downgrade_hash(SCRAM_SHA_1, both, types, arena), "G6k/rBLDqgOhRRaCuuatSDFkJ08=");
	/* Without channel binding there is no U+001F; names are sorted by their bytes, so PLAIN comes first.
	 */
	scram_digest(SCRAM_SHA_256, CPL_STR("PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-256"), digest);
	assert_str(downgrade_hash(SCRAM_SHA_256,
				  OFFER(MECHANISM_SHA_1) | OFFER(MECHANISM_SHA_256) | OFFER(MECHANISM_PLAIN),
				  0, arena),
		   cpl_base64_encode(arena, digest, 32).ptr);
	cpl_arena_destroy(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_messages),
		cmocka_unit_test(hostile_plain_messages),
		cmocka_unit_test(mechanisms),
		cmocka_unit_test(downgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
