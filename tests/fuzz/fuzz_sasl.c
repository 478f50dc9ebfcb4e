/* SPDX-License-Identifier: MIT */
/* SASL messages: what is parsed lies within the message, and made again from its parts it is the message. */
#include "tests/fuzz/fuzz.h"
#include "modules/auth/plain.h"
#include "modules/auth/scram.h"
#include <couplet/time.h>

static bool within(struct cpl_str part, struct cpl_str message)
{
	return !part.ptr || (part.ptr >= message.ptr && part.ptr + part.len <= message.ptr + message.len);
}

/* saslname: what decoding has undone. */
static void add_name(struct cpl_buf *out, struct cpl_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == ',')
			cpl_buf_add(out, CPL_STR("=2C"));
		else if (name.ptr[i] == '=')
			cpl_buf_add(out, CPL_STR("=3D"));
		else
			cpl_buf_add_char(out, name.ptr[i]);
	}
}

static void check_first(struct cpl_str message, struct cpl_arena *arena)
{
	struct scram_first first;
	struct cpl_buf again = {0};

	if (!scram_first_parse(&first, message, arena))
		return;
	CHECK(within(first.binding, message) && within(first.nonce, message));
	CHECK(first.gs2_header.ptr == message.ptr && first.bare.ptr == message.ptr + first.gs2_header.len);
	CHECK(first.gs2_header.len + first.bare.len == message.len);
	CHECK(first.username.len > 0 && first.nonce.len > 0 &&
	      (first.flag == 'p') == (first.binding.ptr != NULL));
	cpl_buf_add_char(&again, first.flag);
	if (first.flag == 'p')
		cpl_buf_addf(&again, "=%.*s", CPL_ARG(first.binding));
	cpl_buf_add_char(&again, ',');
	if (first.authzid.ptr) {
		cpl_buf_add(&again, CPL_STR("a="));
		add_name(&again, first.authzid);
	}
	cpl_buf_add(&again, CPL_STR(",n="));
	add_name(&again, first.username);
	cpl_buf_add(&again, CPL_STR(",r="));
	cpl_buf_add(&again, first.nonce);
	CHECK(cpl_str_starts(message, cpl_buf_str(&again)));
	CHECK(message.len == again.len || message.ptr[again.len] == ',');
	cpl_buf_finish(&again);
}

static void check_final(struct cpl_str message, struct cpl_arena *arena)
{
	struct scram_final final;
	struct scram_keys keys = {.iterations = SCRAM_ITERATIONS_MIN};
	unsigned char signature[SCRAM_DIGEST_MAX];
	struct cpl_buf again = {0};

	if (!scram_final_parse(&final, message, arena))
		return;
	cpl_buf_add(&again, CPL_STR("c="));
	cpl_buf_add_base64(&again, final.binding.ptr, final.binding.len);
	cpl_buf_addf(&again, ",r=%.*s", CPL_ARG(final.nonce));
	CHECK(cpl_str_starts(final.without_proof, cpl_buf_str(&again)));
	cpl_buf_clear(&again);
	cpl_buf_add(&again, final.without_proof);
	cpl_buf_add(&again, CPL_STR(",p="));
	cpl_buf_add_base64(&again, final.proof.ptr, final.proof.len);
	CHECK(cpl_str_equal(cpl_buf_str(&again), message));
	cpl_buf_finish(&again);
	CHECK(!scram_verify(SCRAM_SHA_256, &keys, message, final.proof, signature));
}

static void check_plain(struct cpl_str message)
{
	struct plain_message plain;

	if (!plain_parse(&plain, message))
		return;
	CHECK(within(plain.authzid, message) && within(plain.username, message) &&
	      within(plain.password, message));
	CHECK(plain.authzid.len + plain.username.len + plain.password.len + 2 == message.len);
	CHECK(plain.username.len > 0 && plain.password.len > 0);
}

static void check_keys(struct cpl_str text, struct cpl_arena *arena)
{
	struct scram_keys keys;
	enum scram_hash hash;

	if (!scram_keys_read(text, &hash, &keys, arena))
		return;
	CHECK(scram_keys_announced(text));
	CHECK(keys.iterations >= SCRAM_ITERATIONS_MIN && keys.iterations <= SCRAM_ITERATIONS_MAX);
	CHECK(keys.salt_size > 0 && keys.salt_size <= SCRAM_SALT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpl_str message = {(const char *)data, size}, decoded;
	struct cpl_arena *arena = cpl_arena_create();

	check_first(message, arena);
	check_final(message, arena);
	check_plain(message);
	check_keys(message, arena);
	if (cpl_base64_decode(arena, message, &decoded)) {
		struct cpl_str again = cpl_base64_encode(arena, decoded.ptr, decoded.len);

		CHECK(cpl_str_equal(again, message));
	}
	cpl_arena_destroy(&arena);
	return 0;
}
