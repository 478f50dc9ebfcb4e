/* SPDX-License-Identifier: MIT */
/* SCRAM keys of other servers. */
#include "core/migrate/scram.h"

#include <couplet/time.h>
#include <string.h>

#define NS_PIE_SCRAM "urn:xmpp:pie:0#scram"

void scram_write(struct record *record, const char *mechanism, struct cpl_str iterations, struct cpl_str salt, struct cpl_str server_key,
		 struct cpl_str stored_key)
{
	if (!record_open(record, CPL_STR(NS_PIE_SCRAM), CPL_STR("scram-credentials")))
		return;
	record->sha_one = record->sha_one || strcmp(mechanism, "SCRAM-SHA-1") == 0;
	record->sha_two = record->sha_two || strcmp(mechanism, "SCRAM-SHA-256") == 0;
	record_attribute(record, CPL_NONE, CPL_STR("mechanism"), cpl_str_of(mechanism));
	record_leaf(record, "iter-count", iterations);
	record_leaf(record, "salt", salt);
	record_leaf(record, "server-key", server_key);
	record_leaf(record, "stored-key", stored_key);
	record_close(record);
}

/* The bytes that a key of `size` bytes was encoded from once or twice, in base64, encoded once. */
static bool unwrap(struct cpl_str *text, size_t size, struct cpl_arena *arena)
{
	struct cpl_str once, twice;

	if (!cpl_base64_decode(arena, *text, &once))
		return false;
	if (once.len == size)
		return true;
	if (!cpl_base64_decode(arena, once, &twice) || twice.len != size)
		return false;
	*text = once;
	return true;
}

/* The salt has no size of its own: it was wrapped as the keys were. */
static bool unwrap_salt(struct cpl_str *text, bool wrapped, struct cpl_arena *arena)
{
	struct cpl_str once, twice;

	if (!cpl_base64_decode(arena, *text, &once) || once.len == 0)
		return false;
	if (!wrapped)
		return true;
	if (!cpl_base64_decode(arena, once, &twice) || twice.len == 0)
		return false;
	*text = once;
	return true;
}

static const struct hash {
	const char *name, *mechanism;
	size_t digest;
} hashes[] = {{"sha256", "SCRAM-SHA-256", 32}, {"sha512", NULL, 0}, {"sha", "SCRAM-SHA-1", 20}};

const char *const scram_fields[SCRAM_FIELDS] = {"iter-count", "salt", "server-key", "stored-key"};

static void write_unwrapped(struct record *record, const struct hash *hash, const struct cpl_str fields[SCRAM_FIELDS], struct cpl_arena *arena)
{
	struct cpl_str stored = fields[SCRAM_STORED_KEY], server = fields[SCRAM_SERVER_KEY], salt = fields[SCRAM_SALT];
	int64_t iterations;

	if (!unwrap(&stored, hash->digest, arena) || !unwrap(&server, hash->digest, arena) ||
	    !unwrap_salt(&salt, stored.ptr != fields[SCRAM_STORED_KEY].ptr, arena) || !cpl_str_to_int(fields[SCRAM_ITERATIONS], 1, 10000000, &iterations))
		record_fault(record, "its SCRAM keys are not of the right size: the account has no password");
	else
		scram_write(record, hash->mechanism, fields[SCRAM_ITERATIONS], salt, server, stored);
}

static void refuse_hash(struct record *record)
{
	record_fault(record, "its keys are for none of SCRAM-SHA-1 and SCRAM-SHA-256, which are offered here: the account has no password, set one with "
			     "coupletctl passwd");
}

void scram_ejabberd_fields(struct record *record, struct cpl_str mechanism, const struct cpl_str fields[SCRAM_FIELDS])
{
	struct cpl_arena *arena = cpl_arena_create();
	const struct hash *hash = hashes;

	while (hash < hashes + 3 && (!hash->mechanism || !cpl_str_is(mechanism, hash->mechanism)))
		hash++;
	if (hash == hashes + 3)
		refuse_hash(record);
	else
		write_unwrapped(record, hash, fields, arena);
	cpl_arena_destroy(&arena);
}

void scram_ejabberd(struct record *record, struct cpl_str password)
{
	struct cpl_str rest = {password.ptr + 6, password.len - 6}, part[5];
	struct cpl_arena *arena = cpl_arena_create();
	const struct hash *hash = &hashes[2];
	size_t count = 0, at = 0;

	while (count < 5 && cpl_str_split(&rest, ',', &part[count]))
		count++;
	if (count == 5)
		for (hash = hashes, at = 1; hash < hashes + 3 && !cpl_str_is(part[0], hash->name); hash++)
			continue;
	if (count < 4 || rest.ptr || hash == hashes + 3)
		record_fault(record, "its password begins with \"scram:\" and is not keys as ejabberd writes them: the account has no password");
	else if (!hash->mechanism)
		refuse_hash(record);
	else
		write_unwrapped(record, hash, (struct cpl_str[]){part[at + 3], part[at + 2], part[at + 1], part[at]}, arena);
	cpl_arena_destroy(&arena);
}
