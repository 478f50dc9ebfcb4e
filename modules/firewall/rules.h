/* SPDX-License-Identifier: MIT */
/*
 * Rules of the firewall: their text read, made ready, and asked about stanzas. couplet-modules(5) has the grammar.
 *
 * A rule is numbers: bits for kinds, types, roster states and roles, interned names for payloads, keyed hashes for addresses. A text is compared only where its hash is equal.
 * Reading (rules_parse.c) knows no server, so that anything can be read by a fuzzer.
 */
#ifndef MODULES_FIREWALL_RULES_H
#define MODULES_FIREWALL_RULES_H

#include <couplet/module.h>

/* Bounds of a file of rules. */
enum {
	RULES_MAX = 4096,
	RULES_BYTES = 1024 * 1024,
	RULES_ITEMS = 256, /* of one list */
	RULES_MARKS = 32,
	RULES_FAULTS = 20, /* that are told at once */
};

enum rule_action { RULE_PASS, RULE_DROP, RULE_BOUNCE, RULE_REDIRECT, RULE_LOG, RULE_MARK };

enum address_kind {
	ADDRESS_FULL,    /* romeo@example.org/orchard */
	ADDRESS_ACCOUNT, /* romeo@example.org, with or without a resource */
	ADDRESS_HOST,    /* example.org itself */
	ADDRESS_DOMAIN,  /* @example.org: whoever is there */
	ADDRESS_BELOW,   /* @.example.org: whoever is at a domain below it */
	ADDRESS_LOCAL,   /* whoever is at a host of this server */
	ADDRESS_REMOTE,
};
struct rule_address {
	enum address_kind kind;
	struct cpl_str text;
	uint64_t hash;
};
struct rule_addresses {
	struct rule_address *items;
	size_t count; /* 0: whoever */
	bool not;
};
struct rule_payload {
	struct cpl_name name; /* local NULL: all of the namespace */
};

/* Bits of roster states, as the account of this server has the other one. */
enum { ROSTER_NONE = 1, ROSTER_TO = 2, ROSTER_FROM = 4, ROSTER_BOTH = 8, ROSTER_ALL = 15 };
enum rate_per { PER_SENDER, PER_DOMAIN, PER_TARGET, PER_ALL };
struct rates; /* rates.h */

struct rule {
	unsigned line;
	enum rule_action action;
	enum cpl_condition condition; /* BOUNCE */
	const char *answer;           /* BOUNCE: its text; NULL: none */
	struct cpl_jid redirect;      /* REDIRECT */
	uint8_t mark;                 /* MARK: number of the name */
	uint8_t kinds;                /* bits of enum cpl_kind */
	uint32_t types;               /* bits of enum cpl_type */
	uint8_t roster;               /* bits; ROSTER_ALL: whatever */
	uint8_t roles;                /* bits of enum cpl_role */
	uint32_t marked;              /* bits of marks, of which one must be there (with marked_not: none may); 0: whatever */
	bool marked_not, payload_not;
	struct rule_addresses from, to;
	struct rule_payload *payloads;
	size_t payload_count;
	int64_t rate, rate_ms; /* 0: none */
	enum rate_per per;
	struct rates *rates; /* made at the first use */
	struct cpl_str text; /* the rule as it is written */
	uint64_t hits;
};

struct rules {
	struct cpl_arena *arena;
	struct rule *items;
	size_t count;
	struct cpl_str marks[RULES_MARKS];
	size_t mark_count;
};

/* ---- rules_parse.c ---- */

/*
 * Reads a file's text. Faults are told with their line, at most RULES_FAULTS; NULL when there was one. Names are not interned and hashes not made yet: rules_ready().
 */
struct rules *rules_parse(struct cpl_str text, void (*fault)(void *data, unsigned line, const char *text), void *data);
/* CPL_E_FULL: there are too many names. */
int rules_ready(struct rules *rules);
/* Accepts a pointer to NULL and nulls it. */
void rules_destroy(struct rules **rules);
const char *rule_action_name(enum rule_action action);

/* ---- rules_match.c ---- */

/* A stanza and what is known of it; zero-initialise, and fill in the first four. */
struct rule_case {
	const struct cpl_stanza *stanza;
	struct cpl_jid from, to;
	const struct cpl_user *account; /* of this server, whose roster counts; may be NULL */
	struct cpl_jid contact;         /* the other one */
	enum cpl_role role;             /* of the sender */
	bool dry;                       /* counts nothing */
	/* The match's own. */
	uint32_t marks;
	struct address_facts {
		bool known, local;
		uint64_t full, bare, domain, below[8];
		size_t below_count;
	} from_facts, to_facts;
};
/*
 * The rule that decides, NULL when none does: then the stanza passes. `passed` is told of each rule for the log on the way.
 */
struct rule *rules_decide(struct rules *rules, struct rule_case *c, void (*passed)(const struct rule *rule, const struct rule_case *c));
/* True when the address is one of these; the facts are made at the first use. */
bool rule_address_fits(const struct rule_addresses *addresses, struct cpl_jid jid, struct address_facts *facts);

#endif
