/* SPDX-License-Identifier: MIT */
/* Text made from option tables: comments of the sample configuration, and mdoc. */
#include "core/config/config.h"
#include <stdio.h>

#define WIDTH 100

/* Words wrapped at WIDTH, each line behind `prefix`. */
static void add_wrapped(struct cpl_buf *out, const char *prefix, struct cpl_str text)
{
	size_t column = 0;
	struct cpl_str rest = text, word;

	while (cpl_str_split(&rest, ' ', &word)) {
		if (column && column + 1 + word.len > WIDTH) {
			cpl_buf_add_char(out, '\n');
			column = 0;
		}
		if (!column)
			cpl_buf_add(out, cpl_str_of(prefix));
		else
			cpl_buf_add_char(out, ' ');
		column = column ? column + 1 + word.len : strlen(prefix) + word.len;
		cpl_buf_add(out, word);
	}
	cpl_buf_add_char(out, '\n');
}

/* "one of debug, info, warn, error", "a time, 1s to 1h". */
static void add_kind(struct cpl_buf *out, const struct cpl_option *o)
{
	static const char *const short_names[] = {
		[CPL_OPTION_BOOL] = "true or false", [CPL_OPTION_INT] = "number",   [CPL_OPTION_TIME] = "time",
		[CPL_OPTION_SIZE] = "size",          [CPL_OPTION_STRING] = "text",  [CPL_OPTION_SECRET] = "secret text",
		[CPL_OPTION_ENUM] = "one of",        [CPL_OPTION_JID] = "address",  [CPL_OPTION_LIST] = "list",
		[CPL_OPTION_ENUMS] = "list of",
	};

	cpl_buf_addf(out, "%s", short_names[o->kind]);
	if (o->kind == CPL_OPTION_ENUM || o->kind == CPL_OPTION_ENUMS)
		for (size_t i = 0; o->values[i]; i++)
			cpl_buf_addf(out, "%s%s", i ? ", " : " ", o->values[i]);
	if (o->min && o->max)
		cpl_buf_addf(out, ", %s to %s", o->min, o->max);
	else if (o->min)
		cpl_buf_addf(out, ", at least %s", o->min);
	else if (o->max)
		cpl_buf_addf(out, ", at most %s", o->max);
}

static bool is_list(const struct cpl_option *o)
{
	return o->kind == CPL_OPTION_LIST || o->kind == CPL_OPTION_ENUMS;
}

/* Plain scalars that YAML reads as something else than their text. */
static bool needs_quotes(const char *text)
{
	return !*text || strpbrk(text, ":#{}[],&*!|>'\"%@`") || *text == '-' || *text == '?' || *text == '~' || *text == ' ';
}

static void add_scalar(struct cpl_buf *out, struct cpl_str text)
{
	char *z = cpl_strdup(text);

	if (needs_quotes(z))
		cpl_buf_add_json(out, text);
	else
		cpl_buf_add(out, text);
	cpl_free(z);
}

static void add_default(struct cpl_buf *out, const struct cpl_option *o)
{
	struct cpl_str rest = cpl_str_of(o->fallback), part;
	bool first = true;

	if (!is_list(o)) {
		if (o->fallback)
			add_scalar(out, rest);
		return;
	}
	cpl_buf_add_char(out, '[');
	while (rest.len && cpl_str_split(&rest, ',', &part)) {
		if (!first)
			cpl_buf_add(out, CPL_STR(", "));
		first = false;
		add_scalar(out, cpl_str_trim(part));
	}
	cpl_buf_add_char(out, ']');
}

static void add_flags(struct cpl_buf *out, const struct cpl_option *o)
{
	if (o->flags & CPL_REQUIRED)
		cpl_buf_add(out, CPL_STR("; required"));
	if (o->flags & CPL_GLOBAL_ONLY)
		cpl_buf_add(out, CPL_STR("; not per host"));
	if (!(o->flags & CPL_RELOADABLE))
		cpl_buf_add(out, CPL_STR("; needs a restart"));
}

static void add_sample_option(struct cpl_buf *out, const char *indent, const char *name, const struct cpl_option *o)
{
	struct cpl_buf text = {0};
	char prefix[16];

	snprintf(prefix, sizeof prefix, "%s# ", indent);
	cpl_buf_addf(&text, "%s (", o->summary);
	add_kind(&text, o);
	add_flags(&text, o);
	cpl_buf_add_char(&text, ')');
	add_wrapped(out, prefix, cpl_buf_str(&text));
	cpl_buf_addf(out, "%s#%s: ", indent, name);
	add_default(out, o);
	if (out->ptr[out->len - 1] == ' ')
		out->ptr[--out->len] = 0;
	cpl_buf_add_char(out, '\n');
	cpl_buf_finish(&text);
}

static bool same_group(const char *a, size_t len, const char *b)
{
	return b && strncmp(a, b, len) == 0 && b[len] == '.';
}

void config_render_sample(const char *heading, const struct cpl_option *options, struct cpl_buf *out)
{
	const char *group = NULL;

	if (heading && *heading)
		cpl_buf_addf(out, "#%s:\n", heading);
	for (const struct cpl_option *o = options; o && o->name; o++) {
		const char *dot = strchr(o->name, '.');

		if (dot && !same_group(o->name, (size_t)(dot - o->name), group)) {
			cpl_buf_addf(out, "\n#%.*s:\n", (int)(dot - o->name), o->name);
			group = o->name;
		}
		add_sample_option(out, heading || dot ? "  " : "", dot ? dot + 1 : o->name, o);
	}
}

/* Text of mdoc: backslashes escaped, no control character at the beginning of a line, a new line for a new sentence. */
static void add_mdoc(struct cpl_buf *out, struct cpl_str text)
{
	if (text.len && (text.ptr[0] == '.' || text.ptr[0] == '\''))
		cpl_buf_add(out, CPL_STR("\\&"));
	for (size_t i = 0; i < text.len; i++) {
		bool sentence_ends = text.ptr[i] == ' ' && i > 0 && text.ptr[i - 1] == '.' && i + 1 < text.len &&
				     text.ptr[i + 1] >= 'A' && text.ptr[i + 1] <= 'Z';

		if (text.ptr[i] == '\\')
			cpl_buf_add(out, CPL_STR("\\e"));
		else if (sentence_ends)
			cpl_buf_add_char(out, '\n');
		else
			cpl_buf_add_char(out, text.ptr[i]);
	}
}

void config_render_mdoc(const struct cpl_option *options, struct cpl_buf *out)
{
	struct cpl_buf line = {0};

	cpl_buf_add(out, CPL_STR(".Bl -tag -width Ds\n"));
	for (const struct cpl_option *o = options; o && o->name; o++) {
		cpl_buf_addf(out, ".It Cm %s\n", o->name);
		add_mdoc(out, cpl_str_of(o->summary));
		cpl_buf_clear(&line);
		cpl_buf_add(&line, CPL_STR("\n("));
		add_kind(&line, o);
		if (o->fallback) {
			cpl_buf_add(&line, CPL_STR("; default: "));
			add_default(&line, o);
		}
		add_flags(&line, o);
		cpl_buf_add(&line, CPL_STR(")\n"));
		add_mdoc(out, cpl_buf_str(&line));
	}
	cpl_buf_add(out, CPL_STR(".El\n"));
	cpl_buf_finish(&line);
}
