/* SPDX-License-Identifier: MIT */
/* The suite that every storage driver passes: its stores, its accounts (Romeo and Juliet), and shorthands for
 * requests. */
#ifndef TESTS_UNIT_STORAGE_SUITE_H
#define TESTS_UNIT_STORAGE_SUITE_H

#include "tests/unit/unit.h"

#include "core/loop/loop.h"
#include "core/xmpp/store.h"
#include "tests/unit/storage/driver.h"

/* keyval: secret (blob), rounds (integer). map: name (text), weight (integer). archive: stanza. */
extern const struct cpl_store vault, list, diary;
extern const struct cpl_column list_columns[], diary_columns[];

#define ROMEO  jid_of("romeo@example.org")
#define JULIET jid_of("juliet@example.org")

/* The driver that is being tested. */
extern const struct cpl_descriptor *suite_driver;
/* For each test: a fresh database with the two accounts. */
int suite_setup(void **state);
int suite_teardown(void **state);
void suite_open(void);
/* As over a restart (or a reload, where only that keeps rows). */
void suite_reopen(void);
#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, suite_setup, suite_teardown)

/* The groups, one a file; each returns how many tests failed. */
int suite_rows(void);
int suite_archive(void);
int suite_schema(void);
int suite_usage(void);
int suite_expect(void);

/* Writes one row and waits; starts a read; counts the rows of an account. */
int list_set(struct cpl_jid account, const char *key, const char *name, int64_t weight);
void list_get(struct answer *answer, struct cpl_jid account, const char *key);
size_t list_count(struct cpl_jid account);

/* Appends one row and waits; `with` may be NULL. */
int64_t diary_append(struct cpl_jid account, int64_t when, const char *with, const char *text);
/* limit 0: 100. */
void diary_query(struct answer *answer, struct cpl_jid account, struct cpl_archive_query q);
/* The texts of all rows that the query finds, one after another, must be these; the ids must rise, and the
 * count agree. */
void diary_expect(struct cpl_jid account, struct cpl_archive_query q, const char *texts);

#endif
