/* SPDX-License-Identifier: MIT */
/* SCRAM keys in the forms of other servers, as <scram-credentials/> (XEP-0227 3.3). */
#ifndef CORE_MIGRATE_SCRAM_H
#define CORE_MIGRATE_SCRAM_H

#include "core/migrate/record.h"

/* One element; the three are in base64. */
void scram_write(struct record *record, const char *mechanism, struct cpl_str iterations, struct cpl_str salt, struct cpl_str server_key,
		 struct cpl_str stored_key);

/*
 * ejabberd's password attribute: "scram:" [HASH ","] STORED-KEY "," SERVER-KEY "," SALT "," ITERATIONS, keys and salt in base64, in most versions of a text that is base64
 * itself. HASH is sha256 or sha512, by default SHA-1. A fault when it is of no use here.
 */
void scram_ejabberd(struct record *record, struct cpl_str password);

/* <scram-credentials/> as ejabberd writes it: the contents of an element, in the order of the enumeration. */
enum { SCRAM_ITERATIONS, SCRAM_SALT, SCRAM_SERVER_KEY, SCRAM_STORED_KEY, SCRAM_FIELDS };
extern const char *const scram_fields[SCRAM_FIELDS];
void scram_ejabberd_fields(struct record *record, struct cpl_str mechanism, const struct cpl_str fields[SCRAM_FIELDS]);

#endif
