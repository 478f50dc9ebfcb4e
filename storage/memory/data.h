/* SPDX-License-Identifier: MIT */
/*
 * What the memory driver keeps: accounts in a map, in each the tables of the stores, in each the rows, sorted
 * by key or id. A row is one heap block. `used` counts the bytes of rows. Session thread, like all of this
 * driver.
 */
#ifndef STORAGE_MEMORY_DATA_H
#define STORAGE_MEMORY_DATA_H

#include <couplet/module.h>

struct memory_row {
	struct cpl_str key;  /* maps; this and all bytes below are in the row's own block */
	int64_t id, when;    /* archives */
	struct cpl_str with; /* archives; CPL_NONE when there is none */
	size_t size;
	unsigned columns;
	struct cpl_value values[];
};

/* The rows of one account in one store. */
struct memory_table {
	struct cpl_str store; /* name; the memory_store's */
	struct memory_account *account;
	struct memory_row **rows;
	size_t count, room;
};

struct memory_account;
/* What `disabled` says besides 0 and a time. */
#define DISABLED_FOR_GOOD 1

struct memory_account {
	struct cpl_str text; /* bare JID; in this block */
	int64_t created;
	int64_t disabled; /* 0: not; 1: for good; else until then */
	int64_t bytes;    /* of all its rows; see memory_row_bytes() */
	int64_t quota;    /* its own; -1: none */
	struct cpl_map tables;
};

/* What was declared. */
struct memory_store {
	struct cpl_str name; /* in this block */
	enum cpl_store_kind kind;
	unsigned version, columns;
	int64_t last_id;
};

/* Shared by the generations of the driver: one that takes over goes on with what is there, however much it is. */
struct memory_data {
	struct cpl_map stores;
	struct cpl_map accounts;
	size_t used;
	unsigned holders;
};

/* Goes up when one of the structs above changes: only generations that agree in them can share data. */
#define MEMORY_SCHEMA 3
_Static_assert(sizeof(void *) != 8 || (sizeof(struct memory_row) == 64 && sizeof(struct memory_table) == 48 && sizeof(struct memory_account) == 72 &&
				       sizeof(struct memory_store) == 40 && sizeof(struct memory_data) == 64),
	       "other structs are another MEMORY_SCHEMA");

struct memory_data *memory_data_create(void);
/* One holder less; the last one frees all. Nulls. */
void memory_data_unref(struct memory_data **data);

/* The store must not be there yet. */
struct memory_store *memory_store_add(struct memory_data *data, struct cpl_str name);
struct memory_account *memory_account_add(struct memory_data *data, struct cpl_str text);
void memory_account_remove(struct memory_data *data, struct memory_account *account);

/* NULL when the account has no rows there. */
struct memory_table *memory_table_find(const struct memory_account *account, struct cpl_str store);
struct memory_table *memory_table_make(struct memory_account *account, const struct memory_store *store);

/* A row with copies of everything that `row` has (key, id, when, with and values). */
struct memory_row *memory_row_create(const struct cpl_row *row, unsigned columns);
/* Bytes that memory_row_create() would use. */
size_t memory_row_size(const struct cpl_row *row, unsigned columns);
/* Bytes that count for the account's quota: of texts and keys, 8 for a number, 16 for a row of an archive. */
int64_t memory_row_bytes(struct cpl_str key, int64_t id, const struct cpl_value *values, unsigned columns);
/* Puts the row at its place; one with the same key and id is replaced. */
void memory_table_put(struct memory_data *data, struct memory_table *table, struct memory_row *row);
/* Removes the rows from index `first` on. */
void memory_table_cut(struct memory_data *data, struct memory_table *table, size_t first, size_t count);
/* The index of the first row that is not before (key, id); *found tells if it is exactly there. */
size_t memory_table_seek(const struct memory_table *table, struct cpl_str key, int64_t id, bool *found);

#endif
