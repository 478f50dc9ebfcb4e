/* SPDX-License-Identifier: MIT */
/* Offline runs. */
#include "core/server_offline.h"
#include "core/admin/certificate.h"
#include "core/admin/form.h"
#include "core/admin/frame.h"
#include "core/admin/local.h"
#include "core/admin/peer.h"
#include "core/check.h"
#include "core/module/manager.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_report(struct config_report *report)
{
	struct cpl_buf text = {0};

	config_report_print(report, &text);
	fputs(cpl_buf_str(&text).ptr, stderr);
	cpl_buf_finish(&text);
}

static int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("couplet: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return 1;
}

static void on_closed(struct peer *peer, void *data)
{
	(void)peer;
	*(struct peer **)data = NULL;
	server_stop();
}

static int converse(const struct server_options *options)
{
	struct server_options quiet = *options;
	struct config_report report = {0};
	struct stat st;
	struct peer *peer = NULL;
	int code = 1, status;

	if (fstat(STDIN_FILENO, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		complain("--offline is for coupletctl: use coupletctl -c %s COMMAND", options->config_path);
		return 2;
	}
	quiet.offline = true;
	quiet.quiet = true;
	status = server_prepare(&quiet, &report);
	if (status == 0)
		status = server_open(&report);
	if (status == CPL_E_BUSY) {
		code = OFFLINE_LOCKED;
	} else if (status < 0) {
		print_report(&report);
	} else {
		peer = peer_create(STDIN_FILENO, on_closed, &peer);
		code = server_run();
		peer_destroy(&peer);
	}
	server_close();
	config_report_finish(&report);
	return code;
}

/* ---- cert generate ---- */

static int generate(const struct server_options *options, const struct form_match *match)
{
	struct config_report report = {0};
	struct config *config = config_read(options->config_path, &report);
	struct cpl_str name, path = match->values[0];
	struct cpl_error error;
	int status = 1;

	if (!config) {
		print_report(&report);
		config_report_finish(&report);
		return 1;
	}
	const struct config_host *host =
		cpl_prepare_domain(&name, match->arguments[0], config->arena) == 0 ? config_host_find(config, name) : NULL;

	if (!path.ptr && host)
		path = host->certificate;
	if (!host && !match->values[0].ptr) {
		complain("%.*s is not a host of %s: name the file with --out", CPL_ARG(match->arguments[0]), options->config_path);
	} else if (!path.ptr) {
		complain("the host %.*s has no certificate: in %s: name the file with --out", CPL_ARG(name), options->config_path);
	} else if (certificate_generate(host ? host->name : name, cpl_arena_copy(config->arena, path).ptr,
					config->core.user.len ? config->core.user.ptr : NULL, &error) < 0) {
		complain("%s", error.text);
	} else {
		printf("%.*s\n", CPL_ARG(path));
		status = 0;
	}
	config_destroy(&config);
	config_report_finish(&report);
	return status;
}

/* ---- options ---- */

static int schema_order(const void *left, const void *right)
{
	const struct config_schema *const *a = left, *const *b = right;

	return cpl_str_compare((*a)->name, (*b)->name);
}

static void render(const struct config_schema *const *schemas, size_t count, bool sample, struct cpl_buf *out)
{
	if (sample)
		config_render_sample(NULL, config_core_options, out);
	else
		config_render_mdoc(config_core_options, out);
	/* The last of the core's groups goes on with the options of the module that shares it. */
	for (size_t i = 0; i < count && sample; i++)
		if (cpl_str_is(schemas[i]->name, "limits"))
			config_render_sample("", schemas[i]->options, out);
	for (size_t i = 0; i < count; i++) {
		if (!schemas[i]->options || !schemas[i]->options->name || (sample && cpl_str_is(schemas[i]->name, "limits")))
			continue;
		char *name = cpl_strdup(schemas[i]->name);

		cpl_buf_addf(out, sample ? "%s" : ".Ss The module %s\n", sample ? "\n" : name);
		if (sample)
			config_render_sample(name, schemas[i]->options, out);
		else
			config_render_mdoc(schemas[i]->options, out);
		cpl_free(name);
	}
}

static int print_options(const struct server_options *options, bool sample)
{
	struct config_report report = {0};
	struct config *config = config_read(options->config_path, &report);
	const struct config_schema *schemas = NULL;
	struct cpl_buf out = {0};
	int status = 1;

	if (config) {
		manager_init();
		size_t count = manager_open(config, &report, &schemas);
		const struct config_schema **sorted = cpl_alloc((count + 1) * sizeof *sorted);

		for (size_t i = 0; i < count; i++)
			sorted[i] = &schemas[i];
		qsort(sorted, count, sizeof *sorted, schema_order);
		if (!report.errors) {
			render(sorted, count, sample, &out);
			status = fputs(cpl_buf_str(&out).ptr, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
		}
		cpl_free(sorted);
		manager_discard();
	}
	if (status)
		print_report(&report);
	cpl_buf_finish(&out);
	config_destroy(&config);
	config_report_finish(&report);
	return status;
}

int offline_run(const struct server_options *options, int argc, char **argv)
{
	struct cpl_str words[FORM_WORDS];
	size_t count = 0;
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_error error;
	struct form_match match;
	struct form form;
	struct stat st;
	int code = 2;

	while (count < FORM_WORDS && (int)count < argc) {
		words[count] = cpl_str_of(argv[count]);
		count++;
	}
	if (count == 0)
		code = converse(options);
	else if (count == 2 && cpl_str_is(words[0], "options") && (cpl_str_is(words[1], "sample") || cpl_str_is(words[1], "mdoc")))
		code = print_options(options, cpl_str_is(words[1], "sample"));
	else if (form_parse(&form, command_local[LOCAL_CERTIFICATE].form, &error) == 0 &&
		 form_match(&form, words, count, arena, &match, &error) == 0)
		code = generate(options, &match);
	else if (fstat(STDIN_FILENO, &st) == 0 && S_ISSOCK(st.st_mode))
		code = check_run(options, argc, argv);
	else
		complain("these words are not for --offline: use coupletctl -c %s COMMAND", options->config_path);
	cpl_arena_destroy(&arena);
	return code;
}
