/* SPDX-License-Identifier: MIT */
/* SCRAM: the exchanges that the specifications print, and messages that must not pass. */
#include "unit.h"

#include "modules/auth/scram.h"
#include <couplet/time.h>

struct vector {
	enum scram_hash hash;
	const char *first, *nonce, *salt, *downgrade, *server_first, *final, *signature;
};

static const struct vector vectors[] = {
	/* RFC 5802 section 5 */
	{SCRAM_SHA_1, "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL", "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
	 "QSXCR+Q6sek8bf92", NULL, "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
	 "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	 "rmF9pqV8S7suAoZWja4dJRkFsKQ="},
	/* RFC 7677 section 3 */
	{SCRAM_SHA_256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	 "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==", NULL,
	 "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	 "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
	 "Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	 "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
	/* XEP-0474 section 5.3: channel binding, the attribute h, and an extension in the final message */
	{SCRAM_SHA_1, "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
	 "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6", "QSXCR+Q6sek8bf92",
	 "G6k/rBLDqgOhRRaCuuatSDFkJ08=",
	 "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,s=QSXCR+Q6sek8bf92,i="
	 "4096,"
	 "h=G6k/rBLDqgOhRRaCuuatSDFkJ08=",
	 "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-"
	 "ac50-4f2f-93f1-93799c2bddf6,"
	 "x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=",
	 "MQrMPvv7yv4x4Cq4W4Ih25EqS2c="},
};

static struct scram_keys keys_for(enum scram_hash hash, const char *salt, const char *password,
				  struct cpl_arena *arena)
{
	struct scram_keys keys = {.iterations = 4096};
	struct cpl_str bytes;

	assert_true(cpl_base64_decode(arena, cpl_str_of(salt), &bytes));
	memcpy(keys.salt, bytes.ptr, bytes.len);
	keys.salt_size = (uint8_t)bytes.len;
	scram_derive(hash, cpl_str_of(password), &keys);
	return keys;
}

/* The whole exchange as a server sees it. True when the proof fits; *signature is the base64 text of the
 * answer. */
static bool run(const struct vector *vector, const char *password, struct cpl_str *signature,
		struct cpl_arena *arena)
{
	struct scram_keys keys = keys_for(vector->hash, vector->salt, password, arena);
	unsigned char bytes[SCRAM_DIGEST_MAX];
	struct cpl_buf message = {0}, server_first = {0};
	struct scram_first first;
	struct scram_final final;
	bool right;

	assert_true(scram_first_parse(&first, cpl_str_of(vector->first), arena));
	scram_server_first(&server_first, cpl_str_of(vector->nonce), &keys, cpl_str_of(vector->downgrade));
	assert_str(cpl_buf_str(&server_first), vector->server_first);
	assert_true(scram_final_parse(&final, cpl_str_of(vector->final), arena));
	assert_str(final.nonce, vector->nonce);
	cpl_buf_addf(&message, "%.*s,%s,%.*s", CPL_ARG(first.bare), server_first.ptr,
		     CPL_ARG(final.without_proof));
	right = scram_verify(vector->hash, &keys, cpl_buf_str(&message), final.proof, bytes);
	*signature = cpl_base64_encode(arena, bytes, scram_digest_size(vector->hash));
	cpl_buf_finish(&message);
	cpl_buf_finish(&server_first);
	return right;
}

static void published_exchanges(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct cpl_arena *arena = cpl_arena_create();
		struct cpl_str signature;

		assert_true(run(&vectors[i], "pencil", &signature, arena));
		assert_str(signature, vectors[i].signature);
		assert_false(run(&vectors[i], "pencils", &signature, arena));
		cpl_arena_destroy(&arena);
	}
}

/* RFC 5802 section 3: whatever is changed in the proof or in the messages, it does not fit. */
static void every_changed_bit_is_noticed(void **state)
{
	static const char message[] = "n=user,r=a,r=ab,s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=ab";
	struct cpl_arena *arena = cpl_arena_create();
	struct scram_keys keys = keys_for(SCRAM_SHA_256, "QSXCR+Q6sek8bf92", "pencil", arena), other = keys;
	unsigned char client[SCRAM_DIGEST_MAX], signature[SCRAM_DIGEST_MAX],
		proof[SCRAM_DIGEST_MAX + 1] = {0};
	struct cpl_str text = cpl_str_of(message);

	/* The client's side of the arithmetic, from a ClientKey that we choose. */
	for (int i = 0; i < SCRAM_DIGEST_MAX; i++)
		client[i] = (unsigned char)(i * 7 + 1);
	scram_digest(SCRAM_SHA_256, (struct cpl_str){(const char *)client, 32}, keys.stored_key);
	scram_hmac(SCRAM_SHA_256, (struct cpl_str){(const char *)keys.stored_key, 32}, text, signature);
	for (int i = 0; i < 32; i++)
		proof[i] = client[i] ^ signature[i];
	assert_true(scram_verify(SCRAM_SHA_256, &keys, text, (struct cpl_str){(const char *)proof, 32},
				 signature));
	for (int bit = 0; bit < 256; bit++) {
		proof[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_false(scram_verify(SCRAM_SHA_256, &keys, text,
					  (struct cpl_str){(const char *)proof, 32}, signature));
		proof[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	for (size_t size = 0; size <= 33; size++)
		assert_int_equal(scram_verify(SCRAM_SHA_256, &keys, text,
					      (struct cpl_str){(const char *)proof, size}, signature),
				 size == 32);
	assert_false(scram_verify(SCRAM_SHA_256, &keys, (struct cpl_str){message, text.len - 1},
				  (struct cpl_str){(const char *)proof, 32}, signature));
	assert_false(scram_verify(SCRAM_SHA_256, &other, text, (struct cpl_str){(const char *)proof, 32},
				  signature));
	cpl_arena_destroy(&arena);
}

/* RFC 5802 section 7: gs2-header, and RFC 5801 section 4 */
static void first_messages(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct scram_first first;

	assert_true(scram_first_parse(&first, CPL_STR("n,,n=user,r=abc"), arena));
	assert_int_equal(first.flag, 'n');
	assert_null(first.authzid.ptr);
	assert_null(first.binding.ptr);
	assert_str(first.gs2_header, "n,,");
	assert_str(first.bare, "n=user,r=abc");
	assert_str(first.username, "user");
	assert_str(first.nonce, "abc");
	assert_true(scram_first_parse(
		&first, CPL_STR("y,a=ro=2Cme=3D@example.org,n=ro=3Dm=2Ce,r=a!~,x=1,y=2=3,z=."), arena));
	assert_int_equal(first.flag, 'y');
	assert_str(first.authzid, "ro,me=@example.org");
	assert_str(first.gs2_header, "y,a=ro=2Cme=3D@example.org,");
	assert_str(first.username, "ro=m,e");
	assert_str(first.nonce, "a!~");
	assert_str(first.bare, "n=ro=3Dm=2Ce,r=a!~,x=1,y=2=3,z=.");
	assert_true(
		scram_first_parse(&first, CPL_STR("p=tls-server-end-point,,n=rom\xc3\xa9o,r=abc"), arena));
	assert_str(first.binding, "tls-server-end-point");
	assert_str(first.username, "rom\xc3\xa9o");
	assert_true(scram_first_parse(&first, CPL_STR("p=tls-unique,a=romeo,n=romeo,r=abc"), arena));
	assert_str(first.gs2_header, "p=tls-unique,a=romeo,");
	cpl_arena_destroy(&arena);
}

static void hostile_first_messages(void **state)
{
	static const struct cpl_str messages[] = {
		CPL_STR(""),
		CPL_STR(","),
		CPL_STR(",,"),
		CPL_STR(",,n=user,r=abc"),
		CPL_STR("n"),
		CPL_STR("n,"),
		CPL_STR("n,,"),
		CPL_STR("n,n=user,r=abc"),
		CPL_STR("x,,n=user,r=abc"),
		CPL_STR("N,,n=user,r=abc"),
		CPL_STR("nn,,n=user,r=abc"),
		CPL_STR("n=a,,n=user,r=abc"),
		CPL_STR("y=tls-unique,,n=user,r=abc"),
		CPL_STR("p,,n=user,r=abc"),
		CPL_STR("p=,,n=user,r=abc"),
		CPL_STR("p:tls-unique,,n=user,r=abc"),
		CPL_STR("p=tls unique,,n=user,r=abc"),
		CPL_STR("p=tls_unique,,n=user,r=abc"),
		CPL_STR("F,n,,n=user,r=abc"),
		CPL_STR("n,b=romeo,n=user,r=abc"),
		CPL_STR("n,a=,n=user,r=abc"),
		CPL_STR("n,a,n=user,r=abc"),
		CPL_STR("n,a=ro=meo,n=user,r=abc"),
		CPL_STR("n,,r=abc"),
		CPL_STR("n,,n=,r=abc"),
		CPL_STR("n,,n=user"),
		CPL_STR("n,,n=user,"),
		CPL_STR("n,,n=user,r="),
		CPL_STR("n,,r=abc,n=user"),
		CPL_STR("n,,m=ext,n=user,r=abc"),
		CPL_STR("n,,n=user,m=ext,r=abc"),
		CPL_STR("n,,n=user,r=abc,m=ext"),
		CPL_STR("n,,n=us=41er,r=abc"),
		CPL_STR("n,,n=us=2cer,r=abc"),
		CPL_STR("n,,n=us=3der,r=abc"),
		CPL_STR("n,,n=user=,r=abc"),
		CPL_STR("n,,n=user=2,r=abc"),
		CPL_STR("n,,n=user=3,r=abc"),
		CPL_STR("n,,n=us\0er,r=abc"),
		CPL_STR("n,,n=user,r=a\0bc"),
		CPL_STR("n,,n=us\xff"
			"er,r=abc"),
		CPL_STR("n,,n=us\xed\xa0\x80"
			"er,r=abc"),
		CPL_STR("n,,n=user,r=a c"),
		CPL_STR("n,,n=user,r=a\x7f"
			"c"),
		CPL_STR("n,,n=user,r=\xc3\xa9"),
		CPL_STR("n,,n=user,r=abc,"),
		CPL_STR("n,,n=user,r=abc,x"),
		CPL_STR("n,,n=user,r=abc,x="),
		CPL_STR("n,,n=user,r=abc,=1"),
		CPL_STR("n,,n=user,r=abc,1=1"),
		CPL_STR("n,,n=user,r=abc,xx=1"),
	};
	struct cpl_arena *arena = cpl_arena_create();
	struct scram_first first;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (scram_first_parse(&first, messages[i], arena))
			fail_msg("passed: \"%.*s\"", CPL_ARG(messages[i]));
	cpl_arena_destroy(&arena);
}

static void final_messages(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct scram_final final;

	assert_true(scram_final_parse(&final, CPL_STR("c=biws,r=abc,p=AAEC"), arena));
	assert_str(final.binding, "n,,");
	assert_str(final.nonce, "abc");
	assert_str(final.without_proof, "c=biws,r=abc");
	assert_int_equal(final.proof.len, 3);
	assert_memory_equal(final.proof.ptr, "\0\1\2", 3);
	assert_true(scram_final_parse(&final, CPL_STR("c=biws,r=abc,x=p=1,y=2,p=AAEC"), arena));
	assert_str(final.without_proof, "c=biws,r=abc,x=p=1,y=2");
	cpl_arena_destroy(&arena);
}

static void hostile_final_messages(void **state)
{
	static const struct cpl_str messages[] = {
		CPL_STR(""),
		CPL_STR(","),
		CPL_STR("p=AAEC"),
		CPL_STR("c=biws"),
		CPL_STR("c=biws,"),
		CPL_STR("c=biws,r=abc"),
		CPL_STR("c=biws,r=abc,"),
		CPL_STR("c=biws,p=AAEC"),
		CPL_STR("r=abc,c=biws,p=AAEC"),
		CPL_STR("c=biws,r=abc,p="),
		CPL_STR("c=biws,r=abc,p=AAE"),
		CPL_STR("c=biws,r=abc,p=AA=C"),
		CPL_STR("c=biws,r=abc,p=AAF="),
		CPL_STR("c=biws,r=abc,p=AAEC,"),
		CPL_STR("c=biws,r=abc,p=AAEC,x=1"),
		CPL_STR("c=biws,r=abc,m=1,p=AAEC"),
		CPL_STR("c=biws,r=abc,,p=AAEC"),
		CPL_STR("c=biws,r=abc,x,p=AAEC"),
		CPL_STR("c=b ws,r=abc,p=AAEC"),
		CPL_STR("c=,r=abc,p=AAEC"),
		CPL_STR("c=biws,r=,p=AAEC"),
		CPL_STR("c=biws,r=a c,p=AAEC"),
		CPL_STR("c=biws,r=abc,p=AAEC\0"),
		CPL_STR("romeo"),
	};
	struct cpl_arena *arena = cpl_arena_create();
	struct scram_final final;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
		if (scram_final_parse(&final, messages[i], arena))
			fail_msg("passed: \"%.*s\"", CPL_ARG(messages[i]));
	cpl_arena_destroy(&arena);
}

/* RFC 5803 section 2 */
static void keys_as_text(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();

	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		struct scram_keys keys = keys_for((enum scram_hash)hash, "W22ZaJ0SNY7soEsUEjb6gQ==", "pencil",
						  arena),
				  read;
		size_t size = scram_digest_size((enum scram_hash)hash);
		struct cpl_str text =
			cpl_arena_printf(arena, "SCRAM-SHA-%s$4096:W22ZaJ0SNY7soEsUEjb6gQ==$%s:%s",
					 hash == SCRAM_SHA_1 ? "1" : "256",
					 cpl_base64_encode(arena, keys.stored_key, size).ptr,
					 cpl_base64_encode(arena, keys.server_key, size).ptr);
		enum scram_hash found;

		assert_true(scram_keys_announced(text));
		assert_true(scram_keys_read(text, &found, &read, arena));
		assert_int_equal(found, hash);
		assert_memory_equal(&read, &keys, sizeof(keys));
		/* Whatever is cut off: refused. */
		for (size_t len = 0; len < text.len; len++)
			assert_false(scram_keys_read((struct cpl_str){text.ptr, len}, &found, &read, arena));
	}
	cpl_arena_destroy(&arena);
}

static void hostile_keys(void **state)
{
#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
	static const char *const texts[] = {
		"SCRAM-SHA-512$4096:c2FsdA==$" KEY ":" KEY,
		"SCRAM-SHA-1$4095:c2FsdA==$" KEY ":" KEY,
		"SCRAM-SHA-1$10000001:c2FsdA==$" KEY ":" KEY,
		"SCRAM-SHA-1$-4096:c2FsdA==$" KEY ":" KEY,
		"SCRAM-SHA-1$:c2FsdA==$" KEY ":" KEY,
		"SCRAM-SHA-1$4096:$" KEY ":" KEY,
		"SCRAM-SHA-1$4096:c2FsdA$" KEY ":" KEY,
		"SCRAM-SHA-1$4096:c2FsdA==$" KEY ":" KEY ":" KEY,
		"SCRAM-SHA-1$4096:c2FsdA==$" KEY "$" KEY,
		"SCRAM-SHA-256$4096:c2FsdA==$" KEY ":" KEY,
		"SCRAM-SHA-1$4096:c2FsdA==$c2FsdA==:" KEY,
		"SCRAM-SHA-1$4096:c2FsdA==$" KEY ":c2FsdA==",
		/* a salt of 66 bytes */
		"SCRAM-SHA-1$4096:"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		"$" KEY ":" KEY,
	};
	struct cpl_arena *arena = cpl_arena_create();
	struct scram_keys keys;
	enum scram_hash hash;

	assert_true(scram_keys_read(CPL_STR("SCRAM-SHA-1$4096:c2FsdA==$" KEY ":" KEY), &hash, &keys, arena));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (scram_keys_read(cpl_str_of(texts[i]), &hash, &keys, arena))
			fail_msg("passed: \"%s\"", texts[i]);
	assert_false(scram_keys_announced(CPL_STR("scram-sha-1$4096")));
	assert_false(scram_keys_announced(CPL_STR("password")));
	cpl_arena_destroy(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_exchanges), cmocka_unit_test(every_changed_bit_is_noticed),
		cmocka_unit_test(first_messages),      cmocka_unit_test(hostile_first_messages),
		cmocka_unit_test(final_messages),      cmocka_unit_test(hostile_final_messages),
		cmocka_unit_test(keys_as_text),	       cmocka_unit_test(hostile_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
