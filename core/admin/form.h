/* SPDX-License-Identifier: MIT */
/*
 * Forms of commands: a template such as "session close <word:address> [--reason <text>]" read into tokens, and words matched against them.
 * <couplet/command.h> has the language. Pure: knows no registry, server or module, so that coupletctl uses it for its own commands. Any thread.
 */
#ifndef CORE_ADMIN_FORM_H
#define CORE_ADMIN_FORM_H

#include <couplet/error.h>
#include <couplet/str.h>

#define FORM_TOKENS 16
#define FORM_FLAGS  8
/* The most words of a command line. */
#define FORM_WORDS 256

enum form_type { FORM_JID, FORM_ACCOUNT, FORM_FULL, FORM_HOST, FORM_MODULE, FORM_FILE, FORM_INT, FORM_WORD, FORM_TEXT };

struct form_token {
	bool hole;
	enum form_type type;   /* of a hole */
	struct cpl_str text;   /* the word itself, or what a hole is called: its label, or its type */
	uint8_t group;         /* tokens of one [..] share a number; 0: not optional */
	uint8_t argument;      /* of a hole: counted from 0 */
};
struct form_flag {
	struct cpl_str name;   /* without dashes */
	bool has_value;
	enum form_type type;
};
/* Views of the template's text, which must outlive it. */
struct form {
	struct form_token tokens[FORM_TOKENS];
	struct form_flag flags[FORM_FLAGS];
	size_t token_count, flag_count, argument_count;
};

/* What words mean for a form. Views of the words, but for a text of several words, which is in `arena`. */
struct form_match {
	struct cpl_str arguments[FORM_TOKENS]; /* CPL_NONE: an optional one left out */
	bool given[FORM_FLAGS];
	struct cpl_str values[FORM_FLAGS];
	ptrdiff_t file_word; /* index of the word that fills the first <file> hole, or -1 */
};

struct cpl_arena;

/* CPL_E_INVALID, with the reason, for a template that is not one. */
int form_parse(struct form *form, const char *template, struct cpl_error *error);
/*
 * 0, or CPL_E_INVALID with what is wrong with the words. Options may stand anywhere; "--name value" and "--name=value" are the same; "--" ends
 * options.
 */
int form_match(const struct form *form, const struct cpl_str *words, size_t count, struct cpl_arena *arena, struct form_match *match,
	       struct cpl_error *error);
/* How many leading words of the form (up to its first hole) the words have; and whether that is all of them. */
size_t form_prefix(const struct form *form, const struct cpl_str *words, size_t count, bool *whole);
/* True when both forms begin with the same words up to the first hole, so that nobody could tell them apart. */
bool form_same_words(const struct form *a, const struct form *b);
/* The words and holes as a person reads them: "session close <address> [--reason <text>]". */
void form_print(const struct form *form, struct cpl_buf *out);

#endif
