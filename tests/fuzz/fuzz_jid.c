/* SPDX-License-Identifier: MIT */
/* Addresses: what is prepared is bounded, keeps its form, and is the same by whichever way it was made. */
#include "tests/fuzz/fuzz.h"
#include <couplet/jid.h>

typedef int prepare_function(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena);

static void check_part(prepare_function *prepare, struct cpl_str text, struct cpl_arena *arena)
{
	struct cpl_str once, twice;

	if (prepare(&once, text, arena))
		return;
	CHECK(once.len >= 1 && once.len <= CPL_JID_PART_MAX && cpl_str_is_utf8(once));
	CHECK(prepare(&twice, once, arena) == 0 && cpl_str_equal(once, twice));
}

static void check_address(struct cpl_str text, struct cpl_arena *arena)
{
	struct cpl_jid jid, again, made, dup;

	if (cpl_jid_parse(&jid, text, arena))
		return;
	CHECK(jid.domain_len >= 1 && jid.domain_len <= CPL_JID_PART_MAX &&
	      cpl_jid_str(jid).len <= CPL_JID_MAX);
	CHECK(jid.local_len <= CPL_JID_PART_MAX && jid.resource_len <= CPL_JID_PART_MAX);
	CHECK(cpl_jid_parse(&again, cpl_jid_str(jid), arena) == 0 && cpl_jid_equal(jid, again));
	CHECK(again.text == jid.text); /* prepared text is viewed, not copied */
	CHECK(cpl_jid_make(&made, cpl_jid_local(jid), cpl_jid_domain(jid), cpl_jid_resource(jid), arena) ==
	      0);
	CHECK(cpl_jid_equal(made, jid));
	CHECK(cpl_jid_equal(cpl_jid_with_resource(cpl_jid_bare(jid), cpl_jid_resource(jid), arena), jid));
	CHECK(cpl_jid_parse(&again, cpl_jid_str(cpl_jid_bare(jid)), arena) == 0 &&
	      cpl_jid_equal_bare(again, jid));
	dup = cpl_jid_dup(jid);
	CHECK(cpl_jid_equal(dup, jid));
	cpl_jid_free(&dup);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpl_str text = {(const char *)data, size}, password;
	struct cpl_arena *arena = cpl_arena_create();

	check_address(text, arena);
	check_part(cpl_prepare_local, text, arena);
	check_part(cpl_prepare_new_local, text, arena);
	check_part(cpl_prepare_domain, text, arena);
	check_part(cpl_prepare_resource, text, arena);
	if (cpl_prepare_password(&password, text, false, arena) == 0)
		CHECK(password.len >= 1 && password.len <= CPL_JID_PART_MAX &&
		      cpl_prepare_password(&password, text, true, arena) == 0);
	cpl_arena_destroy(&arena);
	return 0;
}
