/* SPDX-License-Identifier: MIT */
/*
 * Rows as people and programs want them: aligned with a heading on a terminal, one line of tab-separated cells a row in a pipe, a JSON array of objects with
 * --json. Rows arrive as JSON arrays made by core/admin/invocation.c: of strings, integers, true, false and null.
 */
#include "core/admin/ctl.h"
#include <couplet/memory.h>
#include <sys/ioctl.h>
#include <unistd.h>

void ctl_print_line(FILE *out, struct cpl_str line)
{
	bool terminal = isatty(fileno(out));

	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.ptr[i];
		bool c1 = c == 0xc2 && i + 1 < line.len && ((unsigned char)line.ptr[i + 1] & 0xe0) == 0x80;

		/* A name that somebody else chose must not steer the terminal. */
		if (terminal && ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || c1)) {
			fputc('?', out);
			i += c1;
		} else {
			fputc(c, out);
		}
	}
	fputc('\n', out);
}

/* On a terminal with fewer nothing is broken. */
enum { COLUMNS_LEAST = 40 };

/* Where the text of a line begins: behind its last two blanks, if they are in the first half. */
static size_t text_column(struct cpl_str line, size_t columns)
{
	size_t column = 0;

	while (column < line.len && line.ptr[column] == ' ')
		column++;
	for (size_t i = 2; i < line.len && i < columns / 2; i++)
		if (line.ptr[i - 1] == ' ' && line.ptr[i - 2] == ' ' && line.ptr[i] != ' ')
			column = i;
	return column;
}

static void print_broken(struct cpl_str line, size_t columns)
{
	struct cpl_buf part = {0};
	size_t indent = text_column(line, columns);

	while (part.len + line.len > columns) {
		size_t room = columns - part.len, at = room;

		while (at > 0 && line.ptr[at] != ' ')
			at--;
		if (at <= (part.len ? 0 : indent))
			break; /* a word that is longer */
		cpl_buf_add(&part, (struct cpl_str){line.ptr, at});
		ctl_print_line(stdout, cpl_buf_str(&part));
		line = (struct cpl_str){line.ptr + at + 1, line.len - at - 1};
		cpl_buf_clear(&part);
		for (size_t i = 0; i < indent; i++)
			cpl_buf_add_char(&part, ' ');
	}
	cpl_buf_add(&part, line);
	ctl_print_line(stdout, cpl_buf_str(&part));
	cpl_buf_finish(&part);
}

void ctl_print_wrapped(struct cpl_str text)
{
	struct winsize size = {0};
	struct cpl_str line;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < COLUMNS_LEAST) {
		ctl_print_line(stdout, text);
		return;
	}
	while (cpl_str_split(&text, '\n', &line))
		print_broken(line, size.ws_col);
}

void ctl_json_line(size_t *count, struct cpl_str line)
{
	struct cpl_buf text = {0};

	cpl_buf_add_json(&text, line);
	printf("%s\n  %s", (*count)++ ? "," : "[", text.ptr);
	cpl_buf_finish(&text);
}

void ctl_json_end(size_t count)
{
	puts(count ? "\n]" : "[]");
}

/* Columns that a text takes, near enough: one for each code point. */
static size_t width(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

/* The next value of an array whose bracket or comma has been taken; *rest moves to what follows it. */
static bool next_value(struct cpl_str *rest, struct cpl_str *value)
{
	size_t i = 0;

	if (rest->len && rest->ptr[0] == '"') {
		for (i = 1; i < rest->len && rest->ptr[i] != '"'; i++)
			if (rest->ptr[i] == '\\')
				i++;
		i++;
	} else {
		while (i < rest->len && rest->ptr[i] != ',' && rest->ptr[i] != ']')
			i++;
	}
	if (i == 0 || i >= rest->len)
		return false;
	*value = (struct cpl_str){rest->ptr, i};
	*rest = (struct cpl_str){rest->ptr + i, rest->len - i};
	return true;
}

/* A value as a cell: strings without quotes, null as nothing. Control characters keep their escapes, so a row stays one line. */
static char *cell_text(struct cpl_str value)
{
	struct cpl_buf text = {0};
	bool string = value.len > 1 && value.ptr[0] == '"';

	if (!string)
		return cpl_strdup(cpl_str_is(value, "null") ? CPL_STR("") : value);
	for (size_t i = 1; i + 1 < value.len; i++) {
		if (value.ptr[i] == '\\' && (value.ptr[i + 1] == '"' || value.ptr[i + 1] == '\\' || value.ptr[i + 1] == '/'))
			i++;
		cpl_buf_add_char(&text, value.ptr[i]);
	}
	return text.ptr ? cpl_buf_take(&text) : cpl_strdup(CPL_STR(""));
}

/* A row of a table of which nobody knows how wide it will be; `values` NULL: the heading. */
static void row_live(struct ctl_table *table, struct cpl_str *values)
{
	struct cpl_buf line = {0};

	if (!table->widths)
		table->widths = cpl_alloc(table->columns * sizeof *table->widths);
	for (size_t i = 0; i < table->columns; i++) {
		char *text = values ? cell_text(values[i]) : cpl_strdup(cpl_str_of(table->names[i]));
		size_t pad = width(text);

		if (pad > table->widths[i])
			table->widths[i] = pad;
		cpl_buf_add(&line, cpl_str_of(text));
		for (; i + 1 < table->columns && pad < table->widths[i] + 2; pad++)
			cpl_buf_add_char(&line, ' ');
		cpl_free(text);
	}
	ctl_print_line(stdout, cpl_buf_str(&line));
	cpl_buf_finish(&line);
	fflush(stdout);
}

void ctl_table_begin(struct ctl_table *table, bool json, bool live, struct cpl_str comma_separated)
{
	struct cpl_str name;

	*table = (struct ctl_table){.json = json, .terminal = !json && isatty(STDOUT_FILENO), .live = live};
	while (cpl_str_split(&comma_separated, ',', &name)) {
		table->names = cpl_realloc(table->names, (table->columns + 1) * sizeof *table->names);
		table->names[table->columns++] = cpl_strdup(name);
	}
	if (json && !live)
		putchar('[');
	if (table->terminal && live)
		row_live(table, NULL);
}

static void row_json(struct ctl_table *table, struct cpl_str *values)
{
	if (table->live)
		putchar('{');
	else
		printf("%s\n  {", table->rows ? "," : "");
	for (size_t i = 0; i < table->columns; i++)
		printf("%s\"%s\": %.*s", i ? ", " : "", table->names[i], CPL_ARG(values[i]));
	putchar('}');
	if (table->live) {
		putchar('\n');
		fflush(stdout);
	}
}

static void row_line(const struct ctl_table *table, struct cpl_str *values)
{
	for (size_t i = 0; i < table->columns; i++) {
		char *text = cell_text(values[i]);

		if (i)
			putchar('\t');
		fputs(text, stdout);
		cpl_free(text);
	}
	putchar('\n');
	if (table->live)
		fflush(stdout);
}

static void row_keep(struct ctl_table *table, struct cpl_str *values)
{
	size_t at = table->rows * table->columns;

	if (at + table->columns > table->size) {
		table->size = 2 * (at + table->columns);
		table->cells = cpl_realloc(table->cells, table->size * sizeof *table->cells);
	}
	for (size_t i = 0; i < table->columns; i++)
		table->cells[at + i] = cell_text(values[i]);
}

bool ctl_table_row(struct ctl_table *table, struct cpl_str array)
{
	struct cpl_str values[64], rest = array;
	size_t count = 0;

	if (table->columns > 64)
		return false;
	while (count < table->columns && rest.len && (rest.ptr[0] == (count ? ',' : '['))) {
		rest = (struct cpl_str){rest.ptr + 1, rest.len - 1};
		if (!next_value(&rest, &values[count]))
			return false;
		count++;
	}
	if (count != table->columns || !cpl_str_is(rest, "]"))
		return false;
	if (table->json)
		row_json(table, values);
	else if (table->terminal && table->live)
		row_live(table, values);
	else if (table->terminal)
		row_keep(table, values);
	else
		row_line(table, values);
	table->rows++;
	return true;
}

static void print_aligned(const struct ctl_table *table)
{
	size_t *widths = cpl_alloc(table->columns * sizeof *widths);
	struct cpl_buf line = {0};

	for (size_t i = 0; i < table->columns; i++)
		widths[i] = width(table->names[i]);
	for (size_t i = 0; i < table->rows * table->columns; i++)
		if (width(table->cells[i]) > widths[i % table->columns])
			widths[i % table->columns] = width(table->cells[i]);
	for (size_t r = 0; r <= table->rows; r++) {
		cpl_buf_clear(&line);
		for (size_t i = 0; i < table->columns; i++) {
			const char *text = r ? table->cells[(r - 1) * table->columns + i] : table->names[i];

			cpl_buf_add(&line, cpl_str_of(text));
			for (size_t pad = width(text); i + 1 < table->columns && pad < widths[i] + 2; pad++)
				cpl_buf_add_char(&line, ' ');
		}
		ctl_print_line(stdout, cpl_buf_str(&line));
	}
	cpl_buf_finish(&line);
	cpl_free(widths);
}

void ctl_table_end(struct ctl_table *table)
{
	if (table->json && !table->live)
		puts(table->rows ? "\n]" : "]");
	else if (table->terminal && !table->live)
		print_aligned(table);
	ctl_table_drop(table);
}

void ctl_table_drop(struct ctl_table *table)
{
	for (size_t i = 0; table->cells && i < table->rows * table->columns; i++)
		cpl_free(table->cells[i]);
	for (size_t i = 0; i < table->columns; i++)
		cpl_free(table->names[i]);
	cpl_free(table->cells);
	cpl_free(table->widths);
	cpl_free(table->names);
	*table = (struct ctl_table){0};
}
