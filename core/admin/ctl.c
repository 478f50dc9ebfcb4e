/* SPDX-License-Identifier: MIT */
/* coupletctl: the command line and one exchange with the server. */
#include "core/admin/ctl.h"
#include "core/admin/local.h"
#include "core/config/tree.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] = "usage: coupletctl [-c FILE] [--json] [--yes] [--password-stdin] COMMAND\n"
			    "  -c, --config FILE  the server's configuration (default " COUPLET_SYSCONFDIR "/couplet/couplet.yml)\n"
			    "      --json         tables as JSON\n"
			    "  -y, --yes          do not ask before acting\n"
			    "      --password-stdin\n"
			    "                     the password is the first line of the standard input\n"
			    "See coupletctl help, and coupletctl(8).\n";

int ctl_complain(const char *format, ...)
{
	va_list args;

	/* What was printed before comes first, also where both go to one file. */
	fflush(stdout);
	fputs("coupletctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return 1;
}

/* ---- the command line ---- */

static int wrong_usage(const char *what)
{
	ctl_complain("%s", what);
	fputs(usage, stderr);
	return 2;
}

/* Our own options may stand anywhere before "--"; everything else is the command's. -1: go on. */
static int parse(struct ctl *ctl, int argc, char **argv)
{
	bool ours = true;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		bool config = strcmp(a, "-c") == 0 || strcmp(a, "--config") == 0;

		if (ours && config && ++i == argc)
			return wrong_usage("-c wants a file");
		if (ours && config)
			ctl->config_path = argv[i];
		else if (ours && strncmp(a, "--config=", 9) == 0)
			ctl->config_path = a + 9;
		else if (ours && strcmp(a, "--json") == 0)
			ctl->json = true;
		else if (ours && (strcmp(a, "--yes") == 0 || strcmp(a, "-y") == 0))
			ctl->yes = true;
		else if (ours && strcmp(a, "--password-stdin") == 0)
			ctl->password_stdin = true;
		else if (ours && (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0))
			return fputs(usage, stdout) < 0;
		else if (ours && (strcmp(a, "--version") == 0 || strcmp(a, "-V") == 0))
			return printf("coupletctl %s\n", COUPLET_VERSION) < 0;
		else if (ours && a[0] == '-' && a[1] && a[1] != '-')
			return wrong_usage("no such option");
		else if (ctl->count == FORM_WORDS)
			return wrong_usage("too many words");
		else
			ctl->words[ctl->count++] = cpl_str_of(a);
		if (strcmp(a, "--") == 0)
			ours = false;
	}
	return ctl->count ? -1 : wrong_usage("no command");
}

/* The folder of the control socket, from the two options that say it. */
static bool find_run(struct ctl *ctl)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct config_report report = {0};
	char *absolute = realpath(ctl->config_path, NULL);

	if (absolute)
		ctl->config_path = absolute;
	struct config_node *tree = config_tree_read(ctl->config_path, arena, &report);

	if (!tree) {
		struct cpl_buf text = {0};

		config_report_print(&report, &text);
		fputs(cpl_buf_str(&text).ptr, stderr);
		cpl_buf_finish(&text);
	} else {
		const struct config_node *node = config_node_get(tree, CPL_STR("run"));
		struct cpl_str folder = CPL_STR(COUPLET_LOCALSTATEDIR "/lib/couplet");

		if (!node || !node->text.len)
			node = config_node_get(tree, CPL_STR("data"));
		if (node && node->text.len)
			folder = node->text;
		const char *slash = strrchr(ctl->config_path, '/');

		if (folder.ptr[0] != '/' && slash)
			ctl->run = cpl_asprintf("%.*s/%.*s", (int)(slash - ctl->config_path), ctl->config_path, CPL_ARG(folder));
		else
			ctl->run = cpl_strdup(folder);
	}
	config_report_finish(&report);
	cpl_arena_destroy(&arena);
	return ctl->run != NULL;
}

/* ---- commands of our own ---- */

static int print_version(const struct ctl *ctl)
{
	struct ctl_link link;

	printf("coupletctl %s\n", COUPLET_VERSION);
	switch (ctl_link_open(ctl, &link)) {
	case CTL_RUNNING:
		printf("couplet %s, process %d\n", link.version, (int)link.server);
		ctl_link_close(&link);
		return 0;
	case CTL_STOPPED:
		puts("the server is not running");
		return 0;
	case CTL_UNKNOWN:
		break;
	}
	return 1;
}

static int generate_certificate(const struct ctl *ctl)
{
	const char *arguments[] = {"--offline", "cert", "generate", NULL, NULL, NULL, NULL, NULL, NULL};

	/* "cert generate HOST [--out FILE]" is at most five words, "--" included: the form has been matched. */
	for (size_t i = 0; i < ctl->count && i < 5; i++)
		arguments[1 + i] = ctl->words[i].ptr;
	return ctl_run_couplet(ctl, arguments);
}

/* -1: it is none of ours. */
static int run_local(const struct ctl *ctl)
{
	static const char *const test[] = {"-t", NULL};
	struct cpl_arena *arena = cpl_arena_create();
	struct form_match match;
	struct form form;
	int which = 0;

	while (which < LOCAL_COUNT && !(form_parse(&form, command_local[which].form, NULL) == 0 &&
					form_match(&form, ctl->words, ctl->count, arena, &match, NULL) == 0))
		which++;
	cpl_arena_destroy(&arena);
	switch ((enum local_command)which) {
	case LOCAL_START:
		return ctl_start(ctl);
	case LOCAL_STOP:
		return ctl_stop(ctl);
	case LOCAL_RESTART:
		return ctl_restart(ctl);
	case LOCAL_CHECK:
		return ctl_run_couplet(ctl, test);
	case LOCAL_CERTIFICATE:
		return generate_certificate(ctl);
	case LOCAL_VERSION:
		return print_version(ctl);
	case LOCAL_COUNT:
		break;
	}
	return -1;
}

/* ---- the others ---- */

static bool send_words(const struct ctl *ctl, struct ctl_link *link)
{
	struct cpl_buf words = {0};

	for (size_t i = 0; i < ctl->count; i++) {
		cpl_buf_add(&words, ctl->words[i]);
		cpl_buf_add_char(&words, 0);
	}
	bool good = words.len <= FRAME_WORDS_MAX && ctl_link_send(link, FRAME_WORDS, cpl_buf_str(&words));

	cpl_buf_finish(&words);
	return good;
}

/* What the command wants from us beforehand. -1: go on; else the exit code. */
static int prepare(const struct ctl *ctl, struct ctl_link *link)
{
	char password[FRAME_PASSWORD_MAX + 1] = "";
	struct frame answer;
	int flags = -1, file = -1;

	if (!send_words(ctl, link) || !ctl_link_send(link, FRAME_MATCH, CPL_STR("")) ||
	    !ctl_link_receive(link, &answer, link->offline ? -1 : CTL_HELLO_MS) || answer.type != FRAME_ANSWER)
		return ctl_complain("the server does not answer: nothing was done");
	char *text = cpl_strdup(answer.payload);
	bool good = sscanf(text, "%d %d", &flags, &file) == 2;

	cpl_free(text);
	if (!good)
		return ctl_complain("the server is of another version");
	/* Nothing fits the words: the server says it better. */
	if (flags < 0)
		return -1;
	if (link->offline && !(flags & CPL_COMMAND_OFFLINE))
		return ctl_complain("the server is not running");
	if (flags & CPL_COMMAND_CONFIRM && !ctl_confirm(ctl))
		return 1;
	if (flags & CPL_COMMAND_PASSWORD) {
		good = ctl_read_password(ctl, password) && ctl_link_send(link, FRAME_PASSWORD, cpl_str_of(password));
		explicit_bzero(password, sizeof password);
		if (!good)
			return 1;
	}
	if (flags & CPL_COMMAND_INPUT && file >= 0 && (size_t)file < ctl->count && !ctl_send_file(link, ctl->words[file].ptr))
		return 1;
	return -1;
}

/* Prints what comes until the end. The exit code. */
static int print_output(const struct ctl *ctl, struct ctl_link *link)
{
	struct ctl_table table = {0};
	struct ctl_progress progress = {0};
	struct frame frame;
	int code = -1;

	while (code < 0 && ctl_link_receive(link, &frame, -1)) {
		if (frame.type != FRAME_PROGRESS)
			ctl_progress_clear(&progress);
		switch (frame.type) {
		case FRAME_COLUMNS:
			ctl_table_begin(&table, ctl->json, frame.payload);
			break;
		case FRAME_ROW:
			if (!ctl_table_row(&table, frame.payload))
				code = ctl_complain("the server is of another version");
			break;
		case FRAME_PROGRESS:
			ctl_progress_show(&progress, frame.payload);
			continue;
		case FRAME_TEXT:
			ctl_print_line(stdout, frame.payload);
			break;
		case FRAME_COMPLAINT:
			fflush(stdout);
			ctl_print_line(stderr, frame.payload);
			break;
		case FRAME_END:
			code = frame.payload.len ? (unsigned char)frame.payload.ptr[0] : 1;
			break;
		default:
			code = ctl_complain("the server is of another version");
		}
	}
	ctl_progress_clear(&progress);
	if (table.columns)
		ctl_table_end(&table);
	if (code < 0)
		return ctl_complain("the connection ended before the command was done: it may have been carried out or not");
	if (frame.type == FRAME_END && frame.payload.len > 1)
		ctl_complain("%.*s", CPL_ARG(((struct cpl_str){frame.payload.ptr + 1, frame.payload.len - 1})));
	return code;
}

static int run_remote(const struct ctl *ctl)
{
	struct ctl_link link;
	enum ctl_state state = ctl_link_open(ctl, &link);

	if (state == CTL_UNKNOWN || (state == CTL_STOPPED && !ctl_link_open_offline(ctl, &link)))
		return 1;
	int code = prepare(ctl, &link);

	if (code < 0)
		code = ctl_link_send(&link, FRAME_RUN, CPL_STR("")) ? print_output(ctl, &link) : ctl_complain("the server has gone");
	if (!ctl_link_close(&link) && code == 0)
		code = ctl_complain("couplet did not end as it should");
	return code;
}

/* Everywhere else top is a command like others: one table. */
static bool is_live_top(const struct ctl *ctl)
{
	return ctl->count == 1 && cpl_str_is(ctl->words[0], "top") && !ctl->json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

int main(int argc, char **argv)
{
	static struct ctl ctl = {.config_path = COUPLET_SYSCONFDIR "/couplet/couplet.yml"};
	int code = parse(&ctl, argc, argv);

	if (code >= 0)
		return code;
	if (!find_run(&ctl)) {
		if (cpl_str_is(ctl.words[0], "help"))
			fputs(usage, stdout);
		return 1;
	}
	code = run_local(&ctl);
	if (code < 0 && is_live_top(&ctl))
		code = ctl_top(&ctl);
	if (code < 0)
		code = run_remote(&ctl);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_complain("the output cannot be written: %s", strerror(errno));
		code = code ? code : 1;
	}
	return code;
}
