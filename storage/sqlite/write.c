/* SPDX-License-Identifier: MIT */
/* What the steps of a batch do. */
#include "storage/sqlite/clock.h"
#include "storage/sqlite/execute.h"
#include "storage/sqlite/numbers.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"

static int no_account(const struct cpl_store_step *step, struct cpl_error *error)
{
	return cpl_fail(error, CPL_E_NOT_FOUND, "there is no account %.*s",
			CPL_ARG(cpl_jid_str(step->account)));
}

/* "romeo@example.org/orchard" into the contact and the resource; a JID has no '/' before the resource. */
static int with_bind(struct database *db, sqlite3_stmt *statement, struct cpl_str with,
		     struct cpl_error *error)
{
	ptrdiff_t slash = cpl_str_find(with, '/');
	struct cpl_str bare = {with.ptr, slash < 0 ? with.len : (size_t)slash};
	int64_t contact;
	int code;

	if (!with.ptr) {
		sqlite3_bind_null(statement, 4);
		sqlite3_bind_null(statement, 5);
		return 0;
	}
	code = contact_number(&db->writer, bare, true, &contact, error);
	sqlite3_bind_int64(statement, 4, contact);
	statement_bind_text(statement, 5,
			    slash < 0 ? CPL_NONE
				      : (struct cpl_str){with.ptr + slash + 1, with.len - bare.len - 1});
	return code;
}

struct id_look {
	struct database *db;
	sqlite3_stmt *statement;
	struct cpl_error *error;
	int code;
};

static bool id_is_taken(void *data, int64_t id)
{
	struct id_look *look = data;
	int result;

	sqlite3_bind_int64(look->statement, 1, id);
	result = sqlite3_step(look->statement);
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		look->code = db_fail(&look->db->writer, look->error, "looking for an id");
	sqlite3_reset(look->statement);
	return result == SQLITE_ROW;
}

static int row_id(struct database *db, struct db_table *table, const struct cpl_store_step *step, int64_t *id, struct cpl_error *error)
{
	struct id_look look = {.db = db, .error = error};

	*id = step->id;
	if (!step->flag)
		return 0;
	look.statement = statement_of(&db->writer, table, DB_ID, error);
	if (!look.statement)
		return error->code;
	*id = cpl_store_id_choose(&db->choice, step, id_is_taken, &look);
	if (!look.code && !*id)
		look.code = cpl_fail(error, CPL_E_CONFLICT, "an id of a row in the store %s was taken meanwhile; try again", table->store.name);
	return look.code;
}

static int set(struct database *db, struct db_table *table, const struct cpl_store_step *step,
	       int64_t account, struct cpl_error *error)
{
	bool insert = step->op == CPL_OP_INSERT;
	sqlite3_stmt *statement = statement_of(&db->writer, table, insert ? DB_INSERT : DB_SET, error);
	int position = 2, code;
	int64_t id;

	if (!statement)
		return error->code;
	sqlite3_bind_int64(statement, 1, account);
	if (table->store.kind == CPL_STORE_MAP) {
		statement_bind_text(statement, 2, step->key);
		position = 3;
	} else if (table->store.kind == CPL_STORE_ARCHIVE) {
		code = row_id(db, table, step, &id, error);
		if (!code)
			code = clock_note(db, table, id, step->when, !step->flag, error);
		if (!code)
			code = with_bind(db, statement, step->with, error);
		if (code)
			return code;
		sqlite3_bind_int64(statement, 2, id);
		sqlite3_bind_int64(statement, 3, step->when);
		position = 6;
	}
	statement_bind_values(statement, position, table, step->values, step->columns);
	code = statement_run(&db->writer, statement, "writing a row", error);
	/* Somebody else has removed the account (or contact) from the file. */
	if (code == CPL_E_NOT_FOUND) {
		numbers_forget(&db->writer);
		no_account(step, error);
	}
	if (!code && insert && sqlite3_changes(db->writer.sql) == 0)
		code = cpl_fail(error, CPL_E_CONFLICT, "there is such a row in the store %s already", table->store.name);
	return code;
}

static bool value_is(sqlite3_stmt *statement, int column, const struct cpl_value *value)
{
	switch (value->type) {
	case CPL_VALUE_INTEGER:
		return sqlite3_column_type(statement, column) == SQLITE_INTEGER && sqlite3_column_int64(statement, column) == value->integer;
	case CPL_VALUE_BYTES:
		return sqlite3_column_type(statement, column) != SQLITE_NULL &&
		       cpl_str_equal(value->bytes, (struct cpl_str){sqlite3_column_blob(statement, column), (size_t)sqlite3_column_bytes(statement, column)});
	default:
		return sqlite3_column_type(statement, column) == SQLITE_NULL;
	}
}

static int expect(struct database *db, struct db_table *table, const struct cpl_store_step *step, int64_t account, struct cpl_error *error)
{
	sqlite3_stmt *statement = statement_of(&db->writer, table, DB_GET, error);
	int result, code = 0;
	bool same;

	if (!statement)
		return error->code;
	sqlite3_bind_int64(statement, 1, account);
	if (table->store.kind == CPL_STORE_MAP)
		statement_bind_text(statement, 2, step->key);
	result = sqlite3_step(statement);
	same = result == SQLITE_ROW;
	/* The key stands before the values. */
	for (unsigned i = 0; same && i < step->columns && i < table->columns; i++)
		same = value_is(statement, (int)i + 1, &step->values[i]);
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		code = db_fail(&db->writer, error, "comparing a row");
	else if (!same)
		code = cpl_fail(error, CPL_E_CONFLICT, "the row in the store %s is another now", table->store.name);
	sqlite3_reset(statement);
	return code;
}

/* A host's rows hang on an account row of its own, whose name is empty; the first of them makes it. */
static int host_number(struct database *db, const struct cpl_store_step *step, int64_t *number, struct cpl_error *error)
{
	sqlite3_stmt *statement = statement_common(&db->writer, DB_ACCOUNT_INSERT, error);
	int code;

	if (!statement)
		return error->code;
	statement_bind_text(statement, 1, cpl_jid_domain(step->account));
	statement_bind_text(statement, 2, CPL_STR(""));
	sqlite3_bind_int64(statement, 3, step->when);
	code = statement_run(&db->writer, statement, "writing a host", error);
	*number = sqlite3_last_insert_rowid(db->writer.sql);
	db->writer.numbers_are_new = true;
	return code;
}

static int rows_remove(struct database *db, struct db_table *table, const struct cpl_store_step *step,
		       int64_t account, struct cpl_error *error)
{
	bool one = table->store.kind == CPL_STORE_MAP && step->key.ptr;
	enum db_statement which = step->op == CPL_OP_PURGE ? DB_PURGE : one ? DB_REMOVE : DB_REMOVE_ALL;
	sqlite3_stmt *statement = statement_of(&db->writer, table, which, error);

	if (!statement)
		return error->code;
	sqlite3_bind_int64(statement, 1, account);
	if (which == DB_REMOVE) {
		statement_bind_text(statement, 2, step->key);
	} else if (which == DB_PURGE) {
		sqlite3_bind_int64(statement, 2, step->id);
		sqlite3_bind_int64(statement, 3, step->last);
	}
	return statement_run(&db->writer, statement, "removing rows", error);
}

static int rows_write(struct database *db, const struct cpl_store_step *step, struct cpl_error *error)
{
	struct db_table *table = table_find(db, step->store->name);
	int64_t account;
	int code;

	if (!table)
		return cpl_fail(error, CPL_E_UNSUPPORTED, "the store %s was not declared", step->store->name);
	code = account_number(&db->writer, step->account, &account, error);
	if (code)
		return code;
	if (step->op == CPL_OP_SET || step->op == CPL_OP_INSERT || step->op == CPL_OP_APPEND) {
		if (!account && !step->account.local_len)
			code = host_number(db, step, &account, error);
		if (code)
			return code;
		return account ? set(db, table, step, account, error) : no_account(step, error);
	}
	if (step->op == CPL_OP_EXPECT)
		return expect(db, table, step, account, error);
	return account ? rows_remove(db, table, step, account, error) : 0;
}

static int account_write(struct database *db, const struct cpl_store_step *step, struct cpl_error *error)
{
	static const enum db_common statements[] = {
		[CPL_OP_ACCOUNT_CREATE] = DB_ACCOUNT_INSERT,
		[CPL_OP_ACCOUNT_REMOVE] = DB_ACCOUNT_DELETE,
		[CPL_OP_ACCOUNT_DISABLE] = DB_ACCOUNT_DISABLE,
		[CPL_OP_ACCOUNT_QUOTA] = DB_ACCOUNT_QUOTA,
	};
	sqlite3_stmt *statement;
	int64_t number;
	int code = account_number(&db->writer, step->account, &number, error);

	if (code)
		return code;
	if (step->op == CPL_OP_ACCOUNT_CREATE && number)
		return cpl_fail(error, CPL_E_EXISTS, "there is an account %.*s",
				CPL_ARG(cpl_jid_str(step->account)));
	if (step->op != CPL_OP_ACCOUNT_CREATE && !number)
		return no_account(step, error);
	statement = statement_common(&db->writer, statements[step->op], error);
	if (!statement)
		return error->code;
	statement_bind_text(statement, 1, cpl_jid_domain(step->account));
	statement_bind_text(statement, 2,
			    step->account.local_len ? cpl_jid_local(step->account) : CPL_STR(""));
	if (step->op == CPL_OP_ACCOUNT_CREATE)
		sqlite3_bind_int64(statement, 3, step->when);
	else if (step->op == CPL_OP_ACCOUNT_DISABLE)
		sqlite3_bind_int64(statement, 3, step->flag ? (step->when > 0 ? step->when : DISABLED_FOR_GOOD) : 0);
	else if (step->op == CPL_OP_ACCOUNT_QUOTA && step->quota < 0)
		sqlite3_bind_null(statement, 3);
	else if (step->op == CPL_OP_ACCOUNT_QUOTA)
		sqlite3_bind_int64(statement, 3, step->quota);
	db->own_quotas = db->own_quotas || step->op == CPL_OP_ACCOUNT_QUOTA;
	code = statement_run(&db->writer, statement, "writing an account", error);
	if (step->op == CPL_OP_ACCOUNT_CREATE)
		db->writer.numbers_are_new = true;
	if (step->op == CPL_OP_ACCOUNT_REMOVE)
		account_forget(&db->writer, step->account);
	return code;
}

int execute_write(struct database *db, const struct cpl_store_step *step, struct cpl_error *error)
{
	return step->store ? rows_write(db, step, error) : account_write(db, step, error);
}
