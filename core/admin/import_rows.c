/* SPDX-License-Identifier: MIT */
/* What a module makes of the elements of an account, compared with the rows that are kept. */
#include "core/admin/transfer.h"
#include "core/base/account.h"
#include "core/module/manager.h"
#include "core/xmpp/store.h"
#include <openssl/evp.h>

enum { DIGEST = 32 };

/* The rows of one store. Kept ones by key, or of an archive by their digest; all in the account's arena. */
struct import_rows {
	struct cpl_map kept; /* key -> struct cpl_value *, or digest -> size_t *, how many there are */
	struct cpl_map keys; /* of those given -> struct import_given */
	struct import_given *first, **last;
	unsigned columns;
};

static struct cpl_str blank_key(struct cpl_str key)
{
	return key.ptr ? key : CPL_STR("");
}

static const struct cpl_value *copy_values(struct cpl_import *in, const struct cpl_value *values, bool deep)
{
	struct cpl_value *copy = cpl_arena_alloc(in->arena, in->rows->columns * sizeof *copy);

	for (unsigned i = 0; i < in->rows->columns; i++) {
		copy[i] = values[i];
		if (deep && values[i].type == CPL_VALUE_BYTES)
			copy[i].bytes = cpl_arena_copy(in->arena, values[i].bytes);
	}
	return copy;
}

static bool same_values(const struct cpl_value *a, const struct cpl_value *b, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (a[i].type != b[i].type || (a[i].type == CPL_VALUE_INTEGER && a[i].integer != b[i].integer) ||
		    (a[i].type == CPL_VALUE_BYTES && !cpl_str_equal(a[i].bytes, b[i].bytes)))
			return false;
	return true;
}

/* ---- archives: rows have no name of their own, so all that they say is one ---- */

static struct cpl_str digest_of(struct cpl_import *in, int64_t when, struct cpl_str with, const struct cpl_value *values)
{
	unsigned char *digest = cpl_arena_alloc(in->arena, DIGEST);
	struct cpl_buf text = {0};

	cpl_buf_addf(&text, "%lld %zu ", (long long)when, with.len);
	cpl_buf_add(&text, with);
	for (unsigned i = 0; i < in->rows->columns; i++) {
		cpl_buf_addf(&text, " %d %lld %zu ", (int)values[i].type, values[i].type == CPL_VALUE_INTEGER ? (long long)values[i].integer : 0,
			     values[i].type == CPL_VALUE_BYTES ? values[i].bytes.len : 0);
		if (values[i].type == CPL_VALUE_BYTES)
			cpl_buf_add(&text, values[i].bytes);
	}
	if (EVP_Digest(text.ptr, text.len, digest, NULL, EVP_sha256(), NULL) != 1)
		memset(digest, 0, DIGEST);
	cpl_buf_finish(&text);
	return (struct cpl_str){(const char *)digest, DIGEST};
}

static void keep_digest(struct cpl_import *in, const struct cpl_row *row)
{
	struct cpl_str digest = digest_of(in, row->when, row->with, row->values);
	size_t *number = cpl_map_get(&in->rows->kept, digest);

	if (!number) {
		number = cpl_arena_alloc(in->arena, sizeof *number);
		cpl_map_put(&in->rows->kept, digest, number);
	}
	++*number;
}

static bool take_digest(struct cpl_import *in, const struct import_given *given)
{
	size_t *number = cpl_map_get(&in->rows->kept, digest_of(in, given->when, cpl_jid_str(given->with), given->values));

	return number && (*number)-- > 0;
}

/* ---- the row at hand ---- */

void import_rows_begin(struct cpl_import *in)
{
	const struct cpl_store *store = in->transfer->store;

	in->rows = cpl_arena_alloc(in->arena, sizeof *in->rows);
	in->rows->last = &in->rows->first;
	while (store->columns[in->rows->columns].name)
		in->rows->columns++;
}

void import_rows_keep(struct cpl_import *in, const struct cpl_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (in->transfer->store->kind == CPL_STORE_ARCHIVE)
			keep_digest(in, &rows[i]);
		else
			cpl_map_put(&in->rows->kept, cpl_arena_copy(in->arena, blank_key(rows[i].key)),
				    (void *)copy_values(in, rows[i].values, true)); /* UNSAFE: the map has no const; nobody changes it */
	}
}

bool import_rows_wanted(const struct cpl_import *in)
{
	if (in->transfer->element)
		return cpl_child(in->record->root, in->transfer->element);
	/* Of a part of an account whose beginning was only counted, nothing is known. */
	return !(in->dry && in->goes_on);
}

static void read_all(struct cpl_import *in)
{
	const struct cpl_transfer_row *row = in->transfer;

	if (!row->element) {
		row->read(in->self, in, NULL);
		return;
	}
	CPL_CHILDREN(child, in->record->root) {
		if (!cpl_is(child, row->element))
			continue;
		if (!row->list) {
			row->read(in->self, in, child);
			continue;
		}
		CPL_CHILDREN(item, child)
			row->read(in->self, in, item);
	}
}

static void changes(struct cpl_import *in)
{
	const char *store = in->transfer->store->name;
	const char **longer;

	if (in->change_count && strcmp(in->changes[in->change_count - 1], store) == 0)
		return;
	longer = cpl_arena_alloc(in->arena, (in->change_count + 1) * sizeof *longer);
	if (in->change_count)
		memcpy(longer, in->changes, in->change_count * sizeof *longer);
	longer[in->change_count++] = cpl_arena_copy(in->arena, cpl_str_of(store)).ptr;
	in->changes = longer;
}

static void apply_one(struct cpl_import *in, const struct import_given *given)
{
	const struct cpl_transfer_row *row = in->transfer;
	bool archive = row->store->kind == CPL_STORE_ARCHIVE;
	const struct cpl_value *kept = archive ? NULL : cpl_map_get(&in->rows->kept, blank_key(given->key));

	if (kept && row->merge) {
		struct cpl_value *merged = cpl_arena_alloc(in->arena, in->rows->columns * sizeof *merged);

		memcpy(merged, given->values, in->rows->columns * sizeof *merged);
		row->merge(in->self, in, merged, kept);
		if (same_values(merged, kept, in->rows->columns)) {
			import_count(in->totals, row->what, 1, 0, 0);
			return;
		}
		cpl_batch_set(in->batch, row->store, in->account, given->key, merged);
	} else if (kept ? same_values(given->values, kept, in->rows->columns) : archive && take_digest(in, given)) {
		import_count(in->totals, row->what, 1, 0, 0);
		return;
	} else if (archive) {
		store_append_again(in->batch, row->store, in->account, given->id, given->when, given->with, given->values);
	} else {
		cpl_batch_set(in->batch, row->store, in->account, given->key, given->values);
	}
	import_count(in->totals, row->what, 1, !kept, kept != NULL);
	changes(in);
}

void import_rows_drop(struct cpl_import *in)
{
	cpl_map_finish(&in->rows->kept);
	cpl_map_finish(&in->rows->keys);
	in->rows = NULL;
}

void import_rows_apply(struct cpl_import *in)
{
	struct account_visit visit = account_enter(manager_account(in->self), in->self, ACCOUNT_IN_CALL);

	read_all(in);
	for (const struct import_given *given = in->rows->first; given; given = given->next)
		apply_one(in, given);
	account_leave(&visit);
	import_rows_drop(in);
}

/* ---- what modules call ---- */

struct cpl_jid cpl_import_account(const struct cpl_import *in)
{
	return in->account;
}

struct cpl_arena *cpl_import_arena(struct cpl_import *in)
{
	return in->arena;
}

static struct import_given *give(struct cpl_import *in, const struct cpl_value *values)
{
	struct import_given *given = cpl_arena_alloc(in->arena, sizeof *given);

	given->values = copy_values(in, values, false);
	*in->rows->last = given;
	in->rows->last = &given->next;
	return given;
}

void cpl_import_set(struct cpl_import *in, struct cpl_str key, const struct cpl_value *values)
{
	struct import_given *given = cpl_map_get(&in->rows->keys, blank_key(key));

	if (given) {
		given->values = copy_values(in, values, false);
		return;
	}
	given = give(in, values);
	given->key = key.ptr ? cpl_arena_copy(in->arena, key) : CPL_NONE;
	cpl_map_put(&in->rows->keys, blank_key(given->key), given);
}

void cpl_import_append(struct cpl_import *in, int64_t when, struct cpl_jid with, const struct cpl_value *values)
{
	cpl_import_append_again(in, 0, when, with, values);
}

void cpl_import_append_again(struct cpl_import *in, int64_t id, int64_t when, struct cpl_jid with, const struct cpl_value *values)
{
	struct import_given *given = give(in, values);

	given->id = id;
	given->when = when;
	given->with = with;
}

const struct cpl_value *cpl_import_given(const struct cpl_import *in, struct cpl_str key)
{
	const struct import_given *given = cpl_map_get(&in->rows->keys, blank_key(key));

	return given ? given->values : NULL;
}

const struct cpl_value *cpl_import_kept(const struct cpl_import *in, struct cpl_str key)
{
	return cpl_map_get(&in->rows->kept, blank_key(key));
}

bool cpl_import_changes(const struct cpl_import *in, const struct cpl_store *store)
{
	for (size_t i = 0; i < in->change_count; i++)
		if (strcmp(in->changes[i], store->name) == 0)
			return true;
	return false;
}

void cpl_import_fault(struct cpl_import *in, const char *format, ...)
{
	struct cpl_str at = cpl_attr_get(in->record->root, "at");
	struct cpl_buf text = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	in->faults++;
	cpl_complain(in->in, "%.*s%s%.*s: %s", CPL_ARG(at), at.len ? ": " : "", CPL_ARG(cpl_jid_str(in->account)), text.ptr);
	cpl_buf_finish(&text);
}
