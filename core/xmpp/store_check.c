/* SPDX-License-Identifier: MIT */
/* Whether a declaration of a store can be taken. */
#include "core/xmpp/store.h"

static bool name_is_valid(const char *name)
{
	size_t len = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz_") : 0;

	return len > 0 && len <= 63 && name[len] == '\0';
}

static bool name_is_reserved(const char *name)
{
	static const char *const reserved[] = {"account", "key",	   "id",   "when",
					       "with",	  "with_resource", "rowid"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return true;
	return false;
}

static int columns_check(const struct cpl_store *store, unsigned *count, struct cpl_error *error)
{
	const struct cpl_column *column = store->columns;

	for (; column && column->name; column++) {
		if (column - store->columns == CPL_COLUMNS_MAX)
			return cpl_fail(error, CPL_E_INVALID, "the store %s has more than %d columns",
					store->name, CPL_COLUMNS_MAX);
		if (!name_is_valid(column->name) || name_is_reserved(column->name) ||
		    column->type > CPL_COLUMN_STANZA)
			return cpl_fail(error, CPL_E_INVALID,
					"the store %s has a column \"%s\" whose name or type is not allowed",
					store->name, column->name);
		for (const struct cpl_column *other = store->columns; other < column; other++)
			if (strcmp(other->name, column->name) == 0)
				return cpl_fail(error, CPL_E_INVALID, "the store %s has two columns \"%s\"",
						store->name, column->name);
	}
	*count = column ? (unsigned)(column - store->columns) : 0;
	return 0;
}

int store_check(const struct cpl_store *store, const struct store_table *known, unsigned *columns, struct cpl_error *error)
{
	if (!name_is_valid(store->name))
		return cpl_fail(error, CPL_E_INVALID, "\"%s\" cannot be the name of a store",
				store->name ? store->name : "");
	if (store->kind > CPL_STORE_ARCHIVE || store->version == 0)
		return cpl_fail(error, CPL_E_INVALID, "the store %s has an unknown kind or version 0",
				store->name);
	if (store->version > 1 && !store->migrate)
		return cpl_fail(error, CPL_E_INVALID, "the store %s has version %u and no migrate function",
				store->name, store->version);
	if (known && known->store.kind != store->kind)
		return cpl_fail(error, CPL_E_CONFLICT, "a store %s of another kind was declared before",
				store->name);
	return columns_check(store, columns, error);
}
