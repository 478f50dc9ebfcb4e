/* SPDX-License-Identifier: MIT */
/* Templates of commands and the words that fill them. */
#include "core/admin/form.h"
#include <couplet/memory.h>

static const char *const type_names[] = {
	[FORM_JID] = "jid",   [FORM_ACCOUNT] = "account", [FORM_FULL] = "full", [FORM_HOST] = "host", [FORM_MODULE] = "module",
	[FORM_FILE] = "file", [FORM_INT] = "int",         [FORM_WORD] = "word", [FORM_TEXT] = "text",
};

static bool is_word(struct cpl_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return text.len > 0 && text.ptr[0] != '-';
}

/* "<type>" or "<type:label>" */
static bool parse_hole(struct cpl_str text, enum form_type *type, struct cpl_str *label)
{
	struct cpl_str rest, name;

	if (text.len < 3 || text.ptr[0] != '<' || text.ptr[text.len - 1] != '>')
		return false;
	rest = (struct cpl_str){text.ptr + 1, text.len - 2};
	cpl_str_split(&rest, ':', &name);
	*label = rest.ptr ? rest : name;
	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
		if (cpl_str_is(name, type_names[i])) {
			*type = (enum form_type)i;
			return label->len > 0;
		}
	return false;
}

static bool add_token(struct form *form, struct cpl_str text, uint8_t group)
{
	struct form_token *token = &form->tokens[form->token_count];

	if (form->token_count == FORM_TOKENS)
		return false;
	*token = (struct form_token){.text = text, .group = group};
	token->hole = parse_hole(text, &token->type, &token->text);
	if (token->hole)
		token->argument = (uint8_t)form->argument_count++;
	else if (!is_word(text))
		return false;
	form->token_count++;
	return true;
}

/* The inside of [..]: an option, or tokens. */
static bool parse_optional(struct form *form, struct cpl_str inside, uint8_t group)
{
	struct cpl_str word;

	if (!cpl_str_starts(inside, CPL_STR("--"))) {
		while (cpl_str_split(&inside, ' ', &word))
			if (!add_token(form, word, group))
				return false;
		return true;
	}
	struct form_flag *flag = &form->flags[form->flag_count];
	struct cpl_str label;

	if (form->flag_count == FORM_FLAGS)
		return false;
	cpl_str_split(&inside, ' ', &word);
	*flag = (struct form_flag){.name = {word.ptr + 2, word.len - 2}, .has_value = inside.ptr != NULL};
	form->flag_count++;
	return is_word(flag->name) && (!flag->has_value || parse_hole(inside, &flag->type, &label));
}

int form_parse(struct form *form, const char *template, struct cpl_error *error)
{
	struct cpl_str rest = cpl_str_trim(cpl_str_of(template)), word;
	uint8_t group = 0;
	bool good = rest.len > 0;

	*form = (struct form){0};
	while (good && rest.len) {
		if (rest.ptr[0] == ' ') {
			rest = cpl_str_trim(rest);
		} else if (rest.ptr[0] == '[') {
			ptrdiff_t end = cpl_str_find(rest, ']');

			good = end > 0 && parse_optional(form, (struct cpl_str){rest.ptr + 1, (size_t)end - 1}, ++group);
			if (good)
				rest = (struct cpl_str){rest.ptr + end + 1, rest.len - (size_t)end - 1};
		} else {
			good = cpl_str_split(&rest, ' ', &word) && add_token(form, word, 0);
		}
	}
	good = good && form->token_count && !form->tokens[0].hole && !form->tokens[0].group;
	for (size_t i = 0; good && i + 1 < form->token_count; i++)
		good = !(form->tokens[i].hole && form->tokens[i].type == FORM_TEXT);
	return good ? 0 : cpl_fail(error, CPL_E_INVALID, "\"%s\" is not the form of a command", template);
}

/* ---- matching ---- */

struct matching {
	const struct form *form;
	const struct cpl_str *words;
	const size_t *origins; /* of each word, its place on the command line */
	size_t count;
	struct cpl_arena *arena;
	struct form_match *match;
};

static struct cpl_str joined(const struct matching *m, size_t from)
{
	struct cpl_buf text = {0};

	if (m->count - from == 1)
		return m->words[from];
	for (size_t i = from; i < m->count; i++) {
		if (i > from)
			cpl_buf_add_char(&text, ' ');
		cpl_buf_add(&text, m->words[i]);
	}
	struct cpl_str copy = cpl_arena_copy(m->arena, cpl_buf_str(&text));

	cpl_buf_finish(&text);
	return copy;
}

/* Optional groups are taken where words are left for them and they fit, else passed over. */
static bool match_from(const struct matching *m, size_t token_at, size_t word_at)
{
	const struct form *form = m->form;
	const struct form_token *token = &form->tokens[token_at];

	if (token_at == form->token_count)
		return word_at == m->count;
	if (word_at < m->count && (token->hole || cpl_str_equal(token->text, m->words[word_at]))) {
		bool text = token->hole && token->type == FORM_TEXT;

		if (match_from(m, token_at + 1, text ? m->count : word_at + 1)) {
			if (token->hole)
				m->match->arguments[token->argument] = text ? joined(m, word_at) : m->words[word_at];
			if (token->hole && token->type == FORM_FILE)
				m->match->file_word = (ptrdiff_t)m->origins[word_at];
			return true;
		}
	}
	if (!token->group || (token_at > 0 && form->tokens[token_at - 1].group == token->group))
		return false;
	while (token_at < form->token_count && form->tokens[token_at].group == token->group)
		token_at++;
	return match_from(m, token_at, word_at);
}

/* Takes one option; *used is the number of words that it has eaten. */
static int take_flag(const struct form *form, const struct cpl_str *words, size_t count, struct form_match *match, size_t *used,
		     struct cpl_error *error)
{
	struct cpl_str rest = {words[0].ptr + 2, words[0].len - 2}, name;

	cpl_str_split(&rest, '=', &name);
	*used = 1;
	for (size_t i = 0; i < form->flag_count; i++) {
		const struct form_flag *flag = &form->flags[i];

		if (!cpl_str_equal(flag->name, name))
			continue;
		if (match->given[i])
			return cpl_fail(error, CPL_E_INVALID, "--%.*s is given twice", CPL_ARG(name));
		match->given[i] = true;
		if (flag->has_value && !rest.ptr && count < 2)
			return cpl_fail(error, CPL_E_INVALID, "--%.*s wants a value", CPL_ARG(name));
		if (!flag->has_value && rest.ptr)
			return cpl_fail(error, CPL_E_INVALID, "--%.*s takes no value", CPL_ARG(name));
		if (flag->has_value) {
			match->values[i] = rest.ptr ? rest : words[1];
			*used = rest.ptr ? 1 : 2;
		}
		return 0;
	}
	return cpl_fail(error, CPL_E_INVALID, "this command has no option --%.*s", CPL_ARG(name));
}

/* What keeps the words from fitting: one that is missing, or one that has no place. */
static int misfit(const struct matching *m, struct cpl_error *error)
{
	const struct form *form = m->form;
	size_t at = 0;

	for (size_t i = 0; i < form->token_count; i++) {
		const struct form_token *token = &form->tokens[i];

		if (token->group)
			continue;
		if (at == m->count)
			return cpl_fail(error, CPL_E_INVALID, token->hole ? "<%.*s> is missing" : "\"%.*s\" is missing", CPL_ARG(token->text));
		at++;
	}
	if (m->count > form->token_count)
		return cpl_fail(error, CPL_E_INVALID, "\"%.*s\" is a word too many", CPL_ARG(m->words[form->token_count]));
	return cpl_fail(error, CPL_E_INVALID, "\"%.*s\" has no place there", CPL_ARG(m->words[m->count - 1]));
}

int form_match(const struct form *form, const struct cpl_str *words, size_t count, struct cpl_arena *arena, struct form_match *match,
	       struct cpl_error *error)
{
	struct cpl_str plain[FORM_WORDS];
	size_t origins[FORM_WORDS];
	struct matching m = {form, plain, origins, 0, arena, match};
	bool options = true;

	*match = (struct form_match){.file_word = -1};
	if (count > FORM_WORDS)
		return cpl_fail(error, CPL_E_INVALID, "more than %d words", FORM_WORDS);
	for (size_t i = 0, used = 1; i < count; i += used) {
		used = 1;
		if (options && cpl_str_is(words[i], "--")) {
			options = false;
		} else if (options && cpl_str_starts(words[i], CPL_STR("--"))) {
			int status = take_flag(form, &words[i], count - i, match, &used, error);

			if (status < 0)
				return status;
		} else {
			origins[m.count] = i;
			plain[m.count++] = words[i];
		}
	}
	if (match_from(&m, 0, 0))
		return 0;
	return misfit(&m, error);
}

size_t form_prefix(const struct form *form, const struct cpl_str *words, size_t count, bool *whole)
{
	size_t same = 0;

	while (same < form->token_count && same < count && !form->tokens[same].hole &&
	       cpl_str_equal(form->tokens[same].text, words[same]))
		same++;
	*whole = same == form->token_count || form->tokens[same].hole || form->tokens[same].group;
	return same;
}

bool form_same_words(const struct form *a, const struct form *b)
{
	for (size_t i = 0;; i++) {
		bool a_ends = i == a->token_count || a->tokens[i].hole, b_ends = i == b->token_count || b->tokens[i].hole;

		if (a_ends || b_ends)
			return a_ends && b_ends;
		if (!cpl_str_equal(a->tokens[i].text, b->tokens[i].text))
			return false;
	}
}

void form_print(const struct form *form, struct cpl_buf *out)
{
	for (size_t i = 0; i < form->token_count; i++) {
		const struct form_token *t = &form->tokens[i];
		bool opens = t->group && (i == 0 || form->tokens[i - 1].group != t->group);
		bool closes = t->group && (i + 1 == form->token_count || form->tokens[i + 1].group != t->group);

		cpl_buf_addf(out, "%s%s%s%.*s%s%s", i ? " " : "", opens ? "[" : "", t->hole ? "<" : "", CPL_ARG(t->text), t->hole ? ">" : "",
			     closes ? "]" : "");
	}
	for (size_t i = 0; i < form->flag_count; i++) {
		const struct form_flag *f = &form->flags[i];

		cpl_buf_addf(out, " [--%.*s%s%s%s]", CPL_ARG(f->name), f->has_value ? " <" : "", f->has_value ? type_names[f->type] : "",
			     f->has_value ? ">" : "");
	}
}
