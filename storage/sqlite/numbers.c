/* SPDX-License-Identifier: MIT */
/* Look-up and memory of the numbers of accounts and contacts. */
#include "storage/sqlite/numbers.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"

/* Then the memory starts anew: simpler than ageing, and a look-up costs two microseconds. */
static const size_t remembered_max[DB_SIDES] = {[DB_WRITER] = 20000, [DB_READER] = 500};

struct number {
	int64_t value;
	char text[];
};

static int64_t recall(const struct cpl_map *map, struct cpl_str text)
{
	const struct number *known = cpl_map_get(map, text);

	return known ? known->value : 0;
}

static void map_forget(struct cpl_map *map)
{
	struct number *known;
	size_t at = 0;

	while ((known = cpl_map_next(map, &at)))
		cpl_free(known);
	cpl_map_finish(map);
}

static void remember(const struct db_connection *connection, struct cpl_map *map, struct cpl_str text, int64_t value)
{
	struct number *known;

	if (connection->side == DB_READER && !connection->snapshot)
		return;
	if (map->count >= remembered_max[connection->side])
		map_forget(map);
	known = cpl_alloc(sizeof(*known) + text.len);
	known->value = value;
	memcpy(known->text, text.ptr, text.len);
	cpl_free(cpl_map_put(map, (struct cpl_str){known->text, text.len}, known));
}

/* The number that the statement finds, 0 for none. */
static int look_up(struct db_connection *connection, sqlite3_stmt *statement, int64_t *number,
		   struct cpl_error *error)
{
	int result = sqlite3_step(statement);
	int code = 0;

	if (result == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	else if (result != SQLITE_DONE)
		code = db_fail(connection, error, "looking up an address");
	sqlite3_reset(statement);
	return code;
}

int account_number(struct db_connection *connection, struct cpl_jid account, int64_t *number,
		   struct cpl_error *error)
{
	sqlite3_stmt *statement;
	int code;

	*number = recall(&connection->accounts, cpl_jid_str(account));
	if (*number)
		return 0;
	statement = statement_common(connection, DB_ACCOUNT_ID, error);
	if (!statement)
		return error->code;
	statement_bind_text(statement, 1, cpl_jid_domain(account));
	statement_bind_text(statement, 2, account.local_len ? cpl_jid_local(account) : CPL_STR(""));
	code = look_up(connection, statement, number, error);
	if (!code && *number)
		remember(connection, &connection->accounts, cpl_jid_str(account), *number);
	return code;
}

int contact_number(struct db_connection *connection, struct cpl_str jid, bool make, int64_t *number,
		   struct cpl_error *error)
{
	sqlite3_stmt *statement;
	int code;

	*number = recall(&connection->contacts, jid);
	if (*number)
		return 0;
	statement = statement_common(connection, DB_CONTACT_ID, error);
	if (!statement)
		return error->code;
	statement_bind_text(statement, 1, jid);
	code = look_up(connection, statement, number, error);
	if (code || (!*number && !make))
		return code;
	if (!*number) {
		statement = statement_common(connection, DB_CONTACT_INSERT, error);
		if (!statement)
			return error->code;
		statement_bind_text(statement, 1, jid);
		code = statement_run(connection, statement, "writing a contact", error);
		if (code)
			return code;
		*number = sqlite3_last_insert_rowid(connection->sql);
		connection->numbers_are_new = true;
	}
	if (*number)
		remember(connection, &connection->contacts, jid, *number);
	return 0;
}

void account_forget(struct db_connection *connection, struct cpl_jid account)
{
	cpl_free(cpl_map_remove(&connection->accounts, cpl_jid_str(account)));
}

void numbers_forget(struct db_connection *connection)
{
	map_forget(&connection->accounts);
	map_forget(&connection->contacts);
	connection->numbers_are_new = false;
}
