/* SPDX-License-Identifier: MIT */
/*
 * The ledger: everything that a module has registered, in the order in which it did, so that unloading it can
 * take all of it back.
 *
 * A resource (handler, timer, watcher, command, slot ...) embeds a struct ledger_entry and enters it on its
 * owner's ledger. Who gives the resource up by hand calls ledger_remove() and then destroys it; what is left
 * at the end is released by ledger_release(), newest first. Owner-neutral: any struct that embeds a struct
 * ledger can own. Session thread.
 */
#ifndef CORE_BASE_LEDGER_H
#define CORE_BASE_LEDGER_H

#include <couplet/list.h>

enum ledger_kind {
	LEDGER_HANDLER, /* a slot in an event's table */
	LEDGER_IQ,	/* a claimed {namespace, name, target class} */
	LEDGER_FEATURE, /* disco feature or identity */
	LEDGER_COMMAND, /* of coupletctl */
	LEDGER_STORE,	/* a declared store */
	LEDGER_SERVICE, /* something that others may use, or its use */
	LEDGER_SLOT,	/* room for the module in another's struct */
	LEDGER_METRIC,
	LEDGER_TIMER,
	LEDGER_WATCHER, /* a file descriptor */
	LEDGER_LISTENER,
	LEDGER_EVENT, /* an event of the module's own */
	LEDGER_OTHER,
	LEDGER_KINDS
};

/* A zeroed entry is on no ledger. */
struct ledger_entry {
	struct cpl_list link;
	struct ledger *ledger;
	enum ledger_kind kind;
	/*
	 * Takes the resource back and may free the struct around the entry, which is off the ledger already.
	 * It must not fail.
	 */
	void (*release)(struct ledger_entry *entry);
};

/* Zero-initialise, then ledger_init(). */
struct ledger {
	struct cpl_list entries;
	unsigned counts[LEDGER_KINDS]; /* live, by kind; read freely */
};

void ledger_init(struct ledger *ledger);
/* Enters a resource at the end. The entry must be on no ledger. */
void ledger_add(struct ledger *ledger, struct ledger_entry *entry, enum ledger_kind kind,
		void (*release)(struct ledger_entry *entry));
/* Takes the entry off its ledger without releasing the resource; one that is on none is left alone. */
void ledger_remove(struct ledger_entry *entry);
/*
 * Releases everything, newest first, including what release functions add or remove meanwhile; the ledger is
 * empty afterwards.
 */
void ledger_release(struct ledger *ledger);
/* Entries in all. */
unsigned ledger_count(const struct ledger *ledger);
/* "handler", "iq", ...; static. */
const char *ledger_kind_name(enum ledger_kind kind);

#endif
