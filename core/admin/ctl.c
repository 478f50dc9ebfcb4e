/* SPDX-License-Identifier: MIT */
/* coupletctl: the command line. */
#include "core/admin/ctl.h"
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
		ctl_complain("nothing was done: the server's configuration is looked for at %s, see -c", ctl->config_path);
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
	code = ctl_run(&ctl);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		ctl_complain("the output cannot be written: %s", strerror(errno));
		code = code ? code : 1;
	}
	return code;
}
