/* SPDX-License-Identifier: MIT */
/*
 * The reader of XEP-0227, in pieces of bounded size. XInclude is carried out for children of <server-data/>, <host/> and <user/>, with relative names below the folder of
 * the including file; inside of a user's data it is left alone (section 5).
 */
#ifndef CORE_MIGRATE_PIE_H
#define CORE_MIGRATE_PIE_H

#include "core/migrate/record.h"

enum pie_kind {
	PIE_PLAIN,
	PIE_EJABBERD, /* keys may be wrapped in base64 twice, and a password that begins with "scram:" is keys */
};

/* Reads a file ("-": the standard input). *reason: why the rest could not be read; on the heap, NULL: all was. */
void pie_read_file(struct record *record, enum pie_kind kind, const char *path, char **reason);
/* The same from memory, for tests; nothing is included. */
void pie_read_bytes(struct record *record, enum pie_kind kind, struct cpl_str bytes, char **reason);

/*
 * Copies one element from text into the account that is open. `ns` is its namespace when it does not say one, `inside` (may be NULL) adds elements of its own at its end.
 * False: it is no XML, and nothing or a part of it has been copied.
 */
bool pie_copy_element(struct record *record, struct cpl_str xml, struct cpl_str ns, void (*inside)(struct record *record, void *data), void *data);

#endif
