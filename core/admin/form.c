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

/* ---- templates ---- */

struct parsing {
	struct form *form;
	const char *template;
	struct cpl_error *error;
};

/* Says which part is wrong and what would be right. */
static __attribute__((format(printf, 2, 3))) bool wrong(const struct parsing *p, const char *format, ...)
{
	struct cpl_buf why = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&why, format, args);
	va_end(args);
	cpl_fail(p->error, CPL_E_INVALID, "\"%s\" is not the form of a command: %s", p->template, why.ptr);
	cpl_buf_finish(&why);
	return false;
}

static bool wrong_type(const struct parsing *p, struct cpl_str hole, struct cpl_str name)
{
	struct cpl_buf types = {0};

	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
		cpl_buf_addf(&types, "%s%s", i ? ", " : "", type_names[i]);
	wrong(p, "the type \"%.*s\" of the argument \"%.*s\" is none of %s", CPL_ARG(name), CPL_ARG(hole), types.ptr);
	cpl_buf_finish(&types);
	return false;
}

/* "<type>" or "<type:label>" */
static bool parse_hole(const struct parsing *p, struct cpl_str text, enum form_type *type, struct cpl_str *label)
{
	struct cpl_str rest, name;

	if (text.ptr[text.len - 1] != '>')
		return wrong(p, "the argument \"%.*s\" has no closing \">\", or a blank before it", CPL_ARG(text));
	rest = (struct cpl_str){text.ptr + 1, text.len - 2};
	if (rest.len == 0 || rest.ptr[0] == ':')
		return wrong(p, "the argument \"%.*s\" has no type: write <type> or <type:label>", CPL_ARG(text));
	cpl_str_split(&rest, ':', &name);
	*label = rest.ptr ? rest : name;
	if (label->len == 0)
		return wrong(p, "the argument \"%.*s\" has no label behind \":\"", CPL_ARG(text));
	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
		if (cpl_str_is(name, type_names[i])) {
			*type = (enum form_type)i;
			return true;
		}
	return wrong_type(p, text, name);
}

static bool add_token(const struct parsing *p, struct cpl_str text, uint8_t group)
{
	struct form *form = p->form;
	struct form_token *token = &form->tokens[form->token_count];

	if (form->token_count == FORM_TOKENS)
		return wrong(p, "it has more than %d words and arguments", FORM_TOKENS);
	*token = (struct form_token){.text = text, .group = group, .hole = cpl_str_starts(text, CPL_STR("<"))};
	if (token->hole && !parse_hole(p, text, &token->type, &token->text))
		return false;
	if (!token->hole && cpl_str_starts(text, CPL_STR("--")))
		return wrong(p, "the option \"%.*s\" is not in brackets of its own, [--name] or [--name <type>]", CPL_ARG(text));
	if (!text.len)
		return wrong(p, "there is more than one blank between words in brackets");
	if (!token->hole && (cpl_str_find(text, '[') >= 0 || cpl_str_find(text, ']') >= 0))
		return wrong(p, "\"%.*s\" has a bracket in it: brackets stand around whole words, and not in brackets", CPL_ARG(text));
	if (!token->hole && !is_word(text))
		return wrong(p, "\"%.*s\" is neither a word (a-z, 0-9, _ and -, which is not the first) nor an argument <type>", CPL_ARG(text));
	if (token->hole)
		token->argument = (uint8_t)form->argument_count++;
	form->token_count++;
	return true;
}

/* The inside of [--name] or [--name <type>] */
static bool add_flag(const struct parsing *p, struct cpl_str inside)
{
	struct form_flag *flag = &p->form->flags[p->form->flag_count];
	struct cpl_str rest = inside, word, label;

	if (p->form->flag_count == FORM_FLAGS)
		return wrong(p, "it has more than %d options", FORM_FLAGS);
	cpl_str_split(&rest, ' ', &word);
	*flag = (struct form_flag){.name = {word.ptr + 2, word.len - 2}, .has_value = rest.ptr != NULL};
	if (!is_word(flag->name))
		return wrong(p, "the name of the option \"%.*s\" is no word (a-z, 0-9, _ and -, which is not the first)", CPL_ARG(word));
	if (flag->has_value && !cpl_str_starts(rest, CPL_STR("<")))
		return wrong(p, "the value \"%.*s\" of the option \"%.*s\" is no argument <type>", CPL_ARG(rest), CPL_ARG(word));
	if (flag->has_value && !parse_hole(p, rest, &flag->type, &label))
		return false;
	p->form->flag_count++;
	return true;
}

/* The inside of [..]: an option, or tokens. */
static bool parse_optional(const struct parsing *p, struct cpl_str inside, uint8_t group)
{
	struct cpl_str word;

	if (cpl_str_trim(inside).len == 0)
		return wrong(p, "there is nothing in \"[%.*s]\"", CPL_ARG(inside));
	if (cpl_str_starts(inside, CPL_STR("--")))
		return add_flag(p, inside);
	while (cpl_str_split(&inside, ' ', &word))
		if (!add_token(p, word, group))
			return false;
	return true;
}

static bool parse_parts(const struct parsing *p)
{
	struct cpl_str rest = cpl_str_trim(cpl_str_of(p->template)), word;
	uint8_t group = 0;

	if (rest.len == 0)
		return wrong(p, "it is empty");
	while (rest.len) {
		ptrdiff_t end = rest.ptr[0] == '[' ? cpl_str_find(rest, ']') : 0;

		if (end < 0)
			return wrong(p, "\"%.*s\" has no closing \"]\"", CPL_ARG(rest));
		if (rest.ptr[0] == ' ') {
			rest = cpl_str_trim(rest);
		} else if (end > 0) {
			if (!parse_optional(p, (struct cpl_str){rest.ptr + 1, (size_t)end - 1}, ++group))
				return false;
			rest = (struct cpl_str){rest.ptr + end + 1, rest.len - (size_t)end - 1};
		} else if (!cpl_str_split(&rest, ' ', &word) || !add_token(p, word, 0)) {
			return false;
		}
	}
	return true;
}

/* What the parts are to each other. */
static bool judge(const struct parsing *p)
{
	const struct form *form = p->form;

	if (!form->token_count || form->tokens[0].hole || form->tokens[0].group)
		return wrong(p, "it does not begin with a word, which is not optional");
	for (size_t i = 0; i + 1 < form->token_count; i++)
		if (form->tokens[i].hole && form->tokens[i].type == FORM_TEXT)
			return wrong(p, "something stands behind the argument \"%.*s\" of the type text, which takes the rest of the line", CPL_ARG(form->tokens[i].text));
	return true;
}

int form_parse(struct form *form, const char *template, struct cpl_error *error)
{
	const struct parsing p = {form, template, error};

	*form = (struct form){0};
	return parse_parts(&p) && judge(&p) ? 0 : CPL_E_INVALID;
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
