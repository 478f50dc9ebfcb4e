/* SPDX-License-Identifier: MIT */
/*
 * Records: elements are opened, filled and closed, and come out as one <user/> after another. An account whose record grows over RECORD_SPLIT is cut between two
 * elements of a list (its roster, its messages, its private data), so that memory is bounded whatever an account has; what cannot be cut and is longer than
 * RECORD_MAX is refused with the account.
 */
#ifndef CORE_MIGRATE_RECORD_H
#define CORE_MIGRATE_RECORD_H

#include <couplet/memory.h>

#define PIE_NS "urn:xmpp:pie:0"

enum {
	RECORD_SPLIT = 512 * 1024,
	RECORD_MAX = 8 * 1024 * 1024,
	RECORD_DEPTH = 200, /* of elements below <user/> */
};

/* Where frames go: write() to a descriptor, or in tests to a buffer. */
struct record_sink {
	void (*frame)(struct record_sink *sink, unsigned char type, struct cpl_str payload);
};

struct record {
	struct record_sink *sink;
	struct cpl_buf text;
	struct cpl_buf at;        /* where the account stands: "FILE:LINE" */
	char *host, *name;        /* the account that is written; NULL: none */
	char *ns[RECORD_DEPTH + 1], *tag[RECORD_DEPTH + 1]; /* open elements; 0 is <user/> */
	unsigned depth;           /* 0: in no account; 1: in <user/> ... */
	bool in_tag;              /* the start tag of the innermost is still open: attributes may come */
	unsigned part;
	bool overflow;            /* the account is refused */
	unsigned faults, accounts;
	bool sha_one, sha_two;    /* for which hashes it has keys */
	unsigned sha_one_only;    /* accounts that have them for SHA-1 alone */
	unsigned with_nodes;      /* accounts that have PEP nodes for which there is no place */
};

void record_init(struct record *record, struct record_sink *sink);
void record_finish(struct record *record);

/* An account. password CPL_NONE: none. */
void record_begin(struct record *record, struct cpl_str host, struct cpl_str name, struct cpl_str password, const char *file, unsigned long line);
void record_end(struct record *record);
/* Forgets the account that is open, parts of which may have gone already. */
void record_drop(struct record *record);

/* Elements; ns CPL_NONE: that of the one around. False when it is too deep. */
bool record_open(struct record *record, struct cpl_str ns, struct cpl_str name);
/* ns CPL_NONE: none. Only before text and children. */
void record_attribute(struct record *record, struct cpl_str ns, struct cpl_str name, struct cpl_str value);
void record_text(struct record *record, struct cpl_str text);
void record_close(struct record *record);
/* An element with text and no attributes. */
void record_leaf(struct record *record, const char *name, struct cpl_str text);

/* A line about a part that is left out; counts. In an account its address and place stand in front. */
void record_fault(struct record *record, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line that is no fault. */
void record_note(struct record *record, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The end of all; reason NULL: everything was read. Returns the exit code. */
int record_done(struct record *record, const char *reason);

#endif
