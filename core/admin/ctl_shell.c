/* SPDX-License-Identifier: MIT */
/* coupletctl shell: the same commands, typed one after another, with completion and history (libedit). */
#include "core/admin/ctl.h"

#include <couplet/memory.h>
#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_LINES = 1000, FORMS_MAX = 512, CHOICES_MAX = 200000, SHOWN_MAX = 200, ANSWER_MS = 10000 };

static struct {
	const struct ctl *ctl;
	struct form forms[FORMS_MAX];
	char *texts[FORMS_MAX];
	size_t form_count;
	/* What may stand where the cursor is. */
	char **choices;
	size_t choice_count, choice_size;
} shell;

/* ---- what the server knows ---- */

/* Runs words and keeps the first column of what comes; false when the server does not answer, or refuses. */
static bool ask(const char *const *words, void (*row)(const char *first, void *data), void *data)
{
	struct ctl_link link;
	struct ctl_table table = {0};
	struct cpl_buf bytes = {0};
	struct frame frame = {0};
	bool good;

	if (ctl_link_open(shell.ctl, &link) != CTL_RUNNING)
		return false;
	for (; *words; words++) {
		cpl_buf_add(&bytes, cpl_str_of(*words));
		cpl_buf_add_char(&bytes, 0);
	}
	good = ctl_link_send(&link, FRAME_WORDS, cpl_buf_str(&bytes)) && ctl_link_send(&link, FRAME_RUN, CPL_STR(""));
	while (good && ctl_link_receive(&link, &frame, ANSWER_MS) && frame.type != FRAME_END) {
		if (frame.type == FRAME_COLUMNS) {
			ctl_table_begin(&table, false, false, frame.payload);
			table.terminal = true;
		} else if (frame.type == FRAME_ROW) {
			good = table.columns && ctl_table_row(&table, frame.payload);
		}
	}
	good = good && frame.type == FRAME_END && frame.payload.len && frame.payload.ptr[0] == 0;
	for (size_t i = 0; good && i < table.rows; i++)
		row(table.cells[i * table.columns], data);
	ctl_table_drop(&table);
	cpl_buf_finish(&bytes);
	ctl_link_close(&link);
	return good;
}

static void add_form(const char *text, void *data)
{
	char *copy;

	if (shell.form_count == FORMS_MAX)
		return;
	copy = cpl_strdup(cpl_str_of(text));
	if (form_parse(&shell.forms[shell.form_count], copy, NULL) == 0)
		shell.texts[shell.form_count++] = copy;
	else
		cpl_free(copy);
}

/* ---- completion ---- */

static void add_choice(struct cpl_str text, struct cpl_str prefix)
{
	if (!cpl_str_starts(text, prefix) || shell.choice_count == CHOICES_MAX)
		return;
	for (size_t i = 0; i < shell.choice_count && shell.choice_count < SHOWN_MAX; i++)
		if (cpl_str_is(text, shell.choices[i]))
			return;
	if (shell.choice_count == shell.choice_size)
		shell.choices = cpl_realloc(shell.choices, (shell.choice_size = shell.choice_size ? 2 * shell.choice_size : 64) * sizeof *shell.choices);
	shell.choices[shell.choice_count++] = cpl_strdup(text);
}

static void choice_of_row(const char *first, void *data)
{
	add_choice(cpl_str_of(first), *(const struct cpl_str *)data);
}

struct accounts {
	struct cpl_str prefix;
	char *hosts[64];
	size_t count;
};

static void host_of_row(const char *first, void *data)
{
	struct accounts *accounts = data;

	if (accounts->count < 64)
		accounts->hosts[accounts->count++] = cpl_strdup(cpl_str_of(first));
}

/* An account has at least its first letter: a server may have very many. */
static void choose_accounts(struct cpl_str prefix)
{
	static const char *const host_list[] = {"host", "list", NULL};
	struct accounts accounts = {.prefix = prefix};
	ptrdiff_t at = cpl_str_find(prefix, '@');

	if (!prefix.len || !ask(host_list, host_of_row, &accounts))
		return;
	for (size_t i = 0; i < accounts.count; i++) {
		const char *const user_list[] = {"user", "list", accounts.hosts[i], NULL};
		struct cpl_str domain = at < 0 ? CPL_STR("") : (struct cpl_str){prefix.ptr + at + 1, prefix.len - (size_t)at - 1};

		if (cpl_str_starts(cpl_str_of(accounts.hosts[i]), domain))
			ask(user_list, choice_of_row, &prefix);
		cpl_free(accounts.hosts[i]);
	}
}

static void choose_of_type(enum form_type type, struct cpl_str prefix)
{
	static const char *const host_list[] = {"host", "list", NULL}, *const module_list[] = {"module", "list", NULL};

	if (type == FORM_HOST)
		ask(host_list, choice_of_row, &prefix);
	else if (type == FORM_MODULE)
		ask(module_list, choice_of_row, &prefix);
	else if (type == FORM_ACCOUNT || type == FORM_JID)
		choose_accounts(prefix);
}

/* What a form may have behind these words. `types` collects the kinds of holes, so that the server is asked once for each. */
static void choose_of_form(const struct form *form, const struct cpl_str *words, size_t count, struct cpl_str prefix, unsigned *types)
{
	size_t at = 0, words_left = 0;
	const struct form_flag *open = NULL;

	for (size_t i = 0; i < count; i++) {
		if (open) {
			open = NULL;
			continue;
		}
		for (size_t f = 0; f < form->flag_count && cpl_str_starts(words[i], CPL_STR("--")); f++)
			if (cpl_str_equal(form->flags[f].name, (struct cpl_str){words[i].ptr + 2, words[i].len - 2}) && form->flags[f].has_value)
				open = &form->flags[f];
		if (cpl_str_starts(words[i], CPL_STR("--")))
			continue;
		if (at == form->token_count || (!form->tokens[at].hole && !cpl_str_equal(form->tokens[at].text, words[i])))
			return;
		at++;
		words_left++;
	}
	if (open) {
		*types |= 1u << open->type;
		return;
	}
	for (size_t f = 0; f < form->flag_count && words_left && prefix.len && prefix.ptr[0] == '-'; f++) {
		char *option = cpl_asprintf("--%.*s", CPL_ARG(form->flags[f].name));

		add_choice(cpl_str_of(option), prefix);
		cpl_free(option);
	}
	if (at < form->token_count && form->tokens[at].hole)
		*types |= 1u << form->tokens[at].type;
	else if (at < form->token_count)
		add_choice(form->tokens[at].text, prefix);
}

static void choose(struct cpl_str line)
{
	struct cpl_str words[FORM_WORDS], rest = line, word, prefix = CPL_STR("");
	size_t count = 0;
	unsigned types = 0;

	while (rest.ptr && cpl_str_split(&rest, ' ', &word)) {
		if (!rest.ptr)
			prefix = word;
		else if (word.len && count < FORM_WORDS)
			words[count++] = word;
	}
	while (shell.choice_count)
		cpl_free(shell.choices[--shell.choice_count]);
	for (size_t i = 0; i < shell.form_count; i++)
		choose_of_form(&shell.forms[i], words, count, prefix, &types);
	if (count == 0)
		add_choice(CPL_STR("exit"), prefix);
	for (int type = FORM_JID; type <= FORM_TEXT; type++)
		if (types & 1u << type)
			choose_of_type((enum form_type)type, prefix);
}

static void show_choices(void)
{
	putchar('\n');
	for (size_t i = 0; i < shell.choice_count && i < SHOWN_MAX; i++)
		ctl_print_line(stdout, cpl_str_of(shell.choices[i]));
	if (shell.choice_count > SHOWN_MAX)
		printf("... and %zu more\n", shell.choice_count - SHOWN_MAX);
	fflush(stdout);
}

/* As much as all choices have in common is put in; where that is nothing more, they are shown. */
static unsigned char complete(EditLine *edit, int key)
{
	const LineInfo *info = el_line(edit);
	struct cpl_str line = {info->buffer, (size_t)(info->cursor - info->buffer)};
	size_t typed = 0, common;

	choose(line);
	if (!shell.choice_count)
		return CC_ERROR;
	while (typed < line.len && line.ptr[line.len - 1 - typed] != ' ')
		typed++;
	common = strlen(shell.choices[0]);
	for (size_t i = 1; i < shell.choice_count; i++) {
		size_t same = 0;

		while (same < common && shell.choices[i][same] == shell.choices[0][same])
			same++;
		common = same;
	}
	if (shell.choice_count > 1 && common == typed) {
		show_choices();
		return CC_REDISPLAY;
	}
	char *more = cpl_asprintf("%.*s%s", (int)(common - typed), shell.choices[0] + typed, shell.choice_count == 1 ? " " : "");
	int status = el_insertstr(edit, more);

	cpl_free(more);
	return status < 0 ? CC_ERROR : CC_REFRESH;
}

/* An interrupt while a line is typed: the line is gone. While a command runs, it is a signal. */
static unsigned char cancel(EditLine *edit, int key)
{
	const LineInfo *info = el_line(edit);

	el_cursor(edit, (int)(info->lastchar - info->cursor));
	info = el_line(edit);
	el_deletestr(edit, (int)(info->cursor - info->buffer));
	fputs("^C\n", stdout);
	fflush(stdout);
	return CC_REDISPLAY;
}

/* ---- lines ---- */

/* 1, 0 at the end of the input, -1 when interrupted. */
static int read_byte(char *byte)
{
	ssize_t got = -1;

	do {
		if (ctl_wait(STDIN_FILENO, -1))
			got = read(STDIN_FILENO, byte, 1);
		if (ctl_interrupted)
			return -1;
	} while (got < 0 && errno == EINTR);
	return got > 0;
}

static int read_character(EditLine *edit, wchar_t *character)
{
	mbstate_t state = {0};
	char byte;
	int got;

	while ((got = read_byte(&byte)) > 0) {
		size_t used = mbrtowc(character, &byte, 1, &state);

		if (used == (size_t)-1)
			state = (mbstate_t){0};
		else if (used != (size_t)-2)
			return 1;
	}
	return got;
}

static char *prompt(EditLine *edit)
{
	static char text[] = "couplet> ";

	return text;
}

/* The file of the history: the user's own, readable by nobody else. NULL: none is kept. */
static char *history_path(void)
{
	const char *home = getenv("HOME");

	return home && *home ? cpl_asprintf("%s/.coupletctl_history", home) : NULL;
}

/* One line as a command, with options of coupletctl's own; the exit code. */
static int run_line(int argc, const char **argv)
{
	struct ctl one = *shell.ctl;

	one.count = 0;
	one.shell = true;
	for (int i = 0; i < argc && one.count < FORM_WORDS; i++) {
		if (strcmp(argv[i], "--json") == 0)
			one.json = true;
		else if (strcmp(argv[i], "--yes") == 0)
			one.yes = true;
		else
			one.words[one.count++] = cpl_str_of(argv[i]);
	}
	if (one.count == 0)
		return 0;
	if (cpl_str_is(one.words[0], "shell"))
		return ctl_complain("this is a shell already");
	int code = ctl_run(&one);

	fflush(stdout);
	return code;
}

/* False: the end. */
static bool take_line(EditLine *edit, History *past, Tokenizer *tokens, int *code)
{
	HistEvent event;
	const char **argv;
	const char *line;
	int argc, len = 0;

	/* libedit itself does so only behind the prompt: an end that is typed in between would be lost. */
	el_set(edit, EL_PREP_TERM, 1);
	line = el_gets(edit, &len);
	if (!line || len <= 0) {
		/* Ctrl-C in the moment between a prompt and the terminal's own mode comes as a signal. */
		bool interrupted = ctl_interrupted;

		if (interrupted)
			putchar('\n');
		ctl_interrupted = 0;
		return interrupted;
	}
	tok_reset(tokens);
	if (tok_str(tokens, line, &argc, &argv) != 0) {
		*code = ctl_complain("the quotes have no end");
		return true;
	}
	if (argc == 0)
		return true;
	history(past, &event, H_ENTER, line);
	if (strcmp(argv[0], "exit") == 0 || strcmp(argv[0], "quit") == 0)
		return false;
	ctl_catch_interrupts(shell.ctl, false);
	*code = run_line(argc, argv);
	ctl_catch_interrupts(shell.ctl, true);
	return true;
}

int ctl_shell(const struct ctl *ctl)
{
	static const char *const commands[] = {"commands", NULL};
	struct ctl own = *ctl;
	History *history_of = history_init();
	EditLine *edit = el_init("coupletctl", stdin, stdout, stderr);
	Tokenizer *tokens = tok_init(NULL);
	char *path = history_path();
	HistEvent event;
	int code = 0;

	own.shell = true;
	shell.ctl = &own;
	if (!history_of || !edit || !tokens)
		return ctl_complain("the terminal cannot be used");
	history(history_of, &event, H_SETSIZE, HISTORY_LINES);
	history(history_of, &event, H_SETUNIQUE, 1);
	if (path)
		history(history_of, &event, H_LOAD, path);
	el_set(edit, EL_PROMPT, prompt);
	el_set(edit, EL_EDITOR, "emacs");
	el_set(edit, EL_SIGNAL, 0);
	el_set(edit, EL_HIST, history, history_of);
	/* Wide, because what el_set() makes of narrow names is never freed. */
	el_wset(edit, EL_ADDFN, L"complete", L"Completes a word", complete);
	el_set(edit, EL_BIND, "^I", "complete", NULL);
	el_wset(edit, EL_ADDFN, L"cancel", L"Forgets the line", cancel);
	el_set(edit, EL_BIND, "^C", "cancel", NULL);
	el_set(edit, EL_SETTY, "-d", "-isig", NULL);
	el_wset(edit, EL_GETCFN, read_character);
	el_source(edit, NULL);
	ask(commands, add_form, NULL);
	ctl_catch_interrupts(&own, true);
	while (take_line(edit, history_of, tokens, &code))
		;
	ctl_catch_interrupts(&own, false);
	if (path) {
		mode_t mask = umask(077);

		history(history_of, &event, H_SAVE, path);
		umask(mask);
	}
	cpl_free(path);
	tok_end(tokens);
	history_end(history_of);
	el_end(edit);
	return code;
}
