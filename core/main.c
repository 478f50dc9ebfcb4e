/* SPDX-License-Identifier: MIT */
/* couplet: the server's command line, background and foreground, and the runs of coupletctl with the server stopped. */
#include "core/base/logger.h"
#include "core/config/config.h"
#include "core/net/tls_memory.h"
#include "core/process.h"
#include "core/server.h"
#include "core/server_offline.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] = "usage: couplet [-F] [-t] [-c FILE]\n"
			    "  -c, --config FILE  the configuration (default " COUPLET_CONFIG ")\n"
			    "  -F, --foreground   stay in the foreground, log to stderr\n"
			    "  -t, --test         judge the configuration and exit: 0 good, 1 not\n"
			    "  -V, --version      print the version\n"
			    "  -h, --help         print this\n"
			    "See couplet(8) and couplet.yml(5); coupletctl(8) administers a running server.\n";

struct arguments {
	struct server_options server;
	bool foreground, test, offline;
};

static int print_report(struct config_report *report)
{
	struct cpl_buf text = {0};

	config_report_print(report, &text);
	fputs(text.ptr ? text.ptr : "", stderr);
	cpl_buf_finish(&text);
	return report->errors ? 1 : 0;
}

/* An exit code, or -1 to go on. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"foreground", no_argument, NULL, 'F'}, {"test", no_argument, NULL, 't'},
		{"offline", no_argument, NULL, 'O'},	  {"version", no_argument, NULL, 'V'},	  {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "+c:FtVh", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments->server.config_path = optarg;
			break;
		case 'F':
			arguments->foreground = true;
			break;
		case 't':
			arguments->test = true;
			break;
		case 'O':
			arguments->offline = true;
			return -1;
		case 'V':
			printf("couplet %s\n", COUPLET_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "couplet: unexpected argument: %s\n%s", argv[optind], usage);
		return 2;
	}
	return -1;
}

static int serve(const struct arguments *arguments)
{
	struct config_report report = {0};
	struct cpl_error error;
	char *program = realpath("/proc/self/exe", NULL);
	bool again;
	int status = server_prepare(&arguments->server, &report);

	print_report(&report);
	if (arguments->test) {
		if (status == 0)
			printf("%s: good\n", arguments->server.config_path);
		config_report_finish(&report);
		server_close();
		free(program);
		return status == 0 ? 0 : 1;
	}
	config_report_finish(&report);
	if (status == 0 && !arguments->foreground && server_config()->core.log_sink == LOGGER_STDERR)
		fputs("couplet: nobody will see the log, as a server in the background has no stderr: write log: {sink: syslog}, journal or file\n", stderr);
	if (status == 0 && !arguments->foreground && process_detach(&error) != 0) {
		fprintf(stderr, "couplet: %s\n", error.text);
		status = CPL_E_IO;
	}
	if (status == 0) {
		status = server_open(&report);
		print_report(&report);
		config_report_finish(&report);
	}
	if (status == 0) {
		process_ready();
		status = server_run();
	}
	again = server_restarts();
	server_close();
	if (again && program)
		process_again(program, arguments->server.config_path);
	free(program);
	return status == 0 && !again ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {.server = {.config_path = COUPLET_CONFIG}};
	int code;
	char *absolute;

	tls_memory_begin();
	code = parse(argc, argv, &arguments);

	if (code >= 0)
		return code;
	/* The background process changes its folder; the paths in the file are relative to the file's. */
	absolute = realpath(arguments.server.config_path, NULL);
	if (absolute)
		arguments.server.config_path = absolute;
	if (arguments.offline) {
		arguments.server.offline = true;
		code = offline_run(&arguments.server, argc - optind, argv + optind);
	} else {
		code = serve(&arguments);
	}
	free(absolute);
	return code;
}
