/* SPDX-License-Identifier: MIT */
/* Base64 and base16 (RFC 4648), comparison of secrets. */
#include "unit.h"

#include <couplet/time.h>

static struct cpl_arena *arena;

static int setup(void **state)
{
	arena = cpl_arena_create();
	return 0;
}

static int teardown(void **state)
{
	cpl_arena_destroy(&arena);
	return 0;
}

/* RFC 4648 section 10. */
static const char *const vectors[][3] = {
	{"", "", ""},
	{"f", "Zg==", "66"},
	{"fo", "Zm8=", "666f"},
	{"foo", "Zm9v", "666f6f"},
	{"foob", "Zm9vYg==", "666f6f62"},
	{"fooba", "Zm9vYmE=", "666f6f6261"},
	{"foobar", "Zm9vYmFy", "666f6f626172"},
};

static void test_vectors(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct cpl_str out;
		size_t len = strlen(vectors[i][0]);

		assert_str(cpl_base64_encode(arena, vectors[i][0], len), vectors[i][1]);
		assert_true(cpl_base64_decode(arena, cpl_str_of(vectors[i][1]), &out));
		assert_str(out, vectors[i][0]);
		assert_int_equal(out.ptr[out.len], '\0');
		assert_str(cpl_hex_encode(arena, vectors[i][0], len), vectors[i][2]);
		assert_true(cpl_hex_decode(arena, cpl_str_of(vectors[i][2]), &out));
		assert_str(out, vectors[i][0]);
		assert_int_equal(out.ptr[out.len], '\0');
	}
}

static void every_length(void **state)
{
	unsigned char bytes[256];
	struct cpl_buf buf = {0};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct cpl_str in = {(char *)bytes, len}, text = cpl_base64_encode(arena, bytes, len), out;

		cpl_buf_clear(&buf);
		cpl_buf_add_base64(&buf, bytes, len);
		assert_true(cpl_str_equal(cpl_buf_str(&buf), text));
		assert_int_equal(text.len, strlen(text.ptr));
		assert_true(cpl_base64_decode(arena, text, &out));
		assert_true(cpl_str_equal(in, out));
		assert_true(cpl_hex_decode(arena, cpl_hex_encode(arena, bytes, len), &out));
		assert_true(cpl_str_equal(in, out));
	}
	cpl_buf_finish(&buf);
}

static void base64_is_strict(void **state)
{
	static const char *const bad[] = {
		"Z",	  "Zg",	      "Zg=",  "Zg===", "====", "Zh==",	   "Zm9=",	"Zm 9",
		"Zm9v\n", "Zg==Zg==", "Z===", "Zm-_",  "=Zg=", "Zm9v====", "Zm\xc3\xa9"};
	struct cpl_str out;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cpl_base64_decode(arena, cpl_str_of(bad[i]), &out));
	assert_false(cpl_base64_decode(arena, CPL_STR("Zg\0="), &out));
	assert_true(cpl_base64_decode(arena, CPL_STR("+/+/"), &out));
	assert_str(out, "\xfb\xff\xbf");
}

static void hex_is_strict(void **state)
{
	static const char *const bad[] = {"6", "0g", "0x", " 6", "66 "};
	struct cpl_str out;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cpl_hex_decode(arena, cpl_str_of(bad[i]), &out));
	assert_true(cpl_hex_decode(arena, CPL_STR("aFFa"), &out));
	assert_str(out, "\xaf\xfa");
}

static void secrets(void **state)
{
	assert_true(cpl_equal_secret(CPL_STR("r0m30"), CPL_STR("r0m30")));
	assert_false(cpl_equal_secret(CPL_STR("r0m30"), CPL_STR("r0m3o")));
	assert_false(cpl_equal_secret(CPL_STR("r0m30"), CPL_STR("r0m3")));
	assert_true(cpl_equal_secret(CPL_NONE, CPL_STR("")));
	/* One bit each, in any place. */
	for (int bit = 0; bit < 64; bit++) {
		char a[8] = {0}, b[8] = {0};

		b[bit / 8] = (char)(1 << bit % 8);
		assert_false(cpl_equal_secret((struct cpl_str){a, 8}, (struct cpl_str){b, 8}));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),	    cmocka_unit_test(every_length),
		cmocka_unit_test(base64_is_strict), cmocka_unit_test(hex_is_strict),
		cmocka_unit_test(secrets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
