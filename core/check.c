/* SPDX-License-Identifier: MIT */
/* The commands that look and do not serve: words in, findings out. */
#include "core/check.h"

#include "core/admin/control.h"
#include "core/admin/form.h"
#include "core/admin/frame.h"
#include "core/admin/local.h"
#include "core/module/manager.h"
#include "core/net/tls_context.h"
#include "core/server_state.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *const results[] = {"ok", "warning", "wrong"};

/* ---- frames ---- */

static void put(enum frame_type type, struct cpl_str payload)
{
	struct cpl_buf out = {0};
	size_t at = 0;

	frame_add(&out, type, payload);
	while (at < out.len) {
		ssize_t sent = send(STDIN_FILENO, out.ptr + at, out.len - at, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			_exit(1); /* nobody looks any more */
		at += sent > 0 ? (size_t)sent : 0;
	}
	cpl_buf_finish(&out);
}

static void put_row(const char *const *cells, size_t count)
{
	struct cpl_buf row = {0};

	for (size_t i = 0; i < count; i++) {
		cpl_buf_add_char(&row, i ? ',' : '[');
		if (cells[i])
			cpl_buf_add_json(&row, cpl_str_of(cells[i]));
		else
			cpl_buf_add(&row, CPL_STR("null"));
	}
	cpl_buf_add_char(&row, ']');
	put(FRAME_ROW, cpl_buf_str(&row));
	cpl_buf_finish(&row);
}

static int put_end(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int put_end(int code, const char *format, ...)
{
	struct cpl_buf text = {0};
	va_list args;

	cpl_buf_add_char(&text, (char)code);
	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	put(FRAME_END, cpl_buf_str(&text));
	cpl_buf_finish(&text);
	return code;
}

void check_say(struct check *check, enum check_result result, const char *subject, const char *remedy, const char *format, ...)
{
	const char *cells[] = {results[result], subject, NULL, remedy};
	struct cpl_buf text = {0};
	va_list args;

	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	cells[2] = text.ptr;
	put_row(cells, 4);
	cpl_buf_finish(&text);
	check->wrong += result == CHECK_WRONG;
	check->warnings += result == CHECK_WARNING;
}

static void tell_import(const struct import_row *row)
{
	const char *cells[] = {row->host, row->result, row->from, row->to};

	put_row(cells, 4);
}

/* ---- the configuration ---- */

/* Only the judged configuration has the ports of the modules' services. Both are of the same file. */
static void adopt_ports(struct config *config, const struct config *judged)
{
	for (size_t i = 0; config && i < config->listen_count && i < judged->listen_count; i++) {
		config->listen[i].port = judged->listen[i].port;
		config->listen[i].direct_tls = judged->listen[i].direct_tls;
	}
}

/* As the start judges it, but for the certificates, of which there is more to say. */
static void check_configuration(struct check *check)
{
	struct server_read read = {0};
	int code;

	manager_init();
	server_read(&read, check->path);
	code = server_judge(&read);
	for (size_t i = 0; i < read.report.count; i++) {
		const struct config_fault *fault = &read.report.faults[i];
		char *place = cpl_asprintf("%s:%d", fault->file ? fault->file : check->path, fault->line);

		check_say(check, fault->warning ? CHECK_WARNING : CHECK_WRONG, "configuration", place, "%s", fault->text);
		cpl_free(place);
	}
	if (!read.report.count)
		check_say(check, CHECK_OK, "configuration", NULL, "%s can be used", check->path);
	if (code == 0)
		adopt_ports(check->config, read.config);
	manager_discard();
	server_read_finish(&read);
}

static void find_user(struct check *check)
{
	const struct passwd *entry;

	check->uid = geteuid();
	check->gid = getegid();
	check->user = "the user of couplet";
	if (!check->config || !check->config->core.user.len)
		return;
	check->user = check->config->core.user.ptr;
	entry = getpwnam(check->user);
	if (entry) {
		check->uid = entry->pw_uid;
		check->gid = entry->pw_gid;
	} else {
		check_say(check, CHECK_WRONG, "user", "useradd --system --no-create-home couplet, and user: couplet", "there is no user %s, which user: names", check->user);
	}
}

/* The process at the other end of the control socket. */
static void find_server(struct check *check)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred who;
	socklen_t len = sizeof who;
	int fd;

	if (!check->config)
		return;
	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", check->config->core.run.ptr, CONTROL_NAME) >= sizeof address.sun_path) {
		check_say(check, CHECK_WRONG, "run", "run: /run/couplet", "the path %s/%s is too long for a socket", check->config->core.run.ptr, CONTROL_NAME);
		return;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		check->running = who.pid;
	if (fd >= 0)
		close(fd);
}

/* Ports that are not given are the service's own. Where the configuration has faults, and no module is asked, the core's alone are known. */
static void fill_ports(struct config *config)
{
	for (size_t i = 0; config && i < config->listen_count; i++) {
		struct config_listen *listen = &config->listen[i];
		bool direct = strcmp(listen->service, "c2s-direct") == 0;

		if (!listen->port && (direct || strcmp(listen->service, "c2s") == 0)) {
			listen->port = direct ? 5223 : 5222;
			listen->direct_tls = listen->direct_tls || direct;
		}
	}
}

/* ---- the commands ---- */

static const struct config_host *host_of(struct check *check, struct cpl_str text)
{
	struct cpl_str name;

	return check->config && cpl_prepare_domain(&name, text, check->config->arena) == 0 ? config_host_find(check->config, name) : NULL;
}

static int run_check(struct check *check)
{
	check_configuration(check);
	find_user(check);
	find_server(check);
	if (check->config) {
		check_certificates(check, NULL);
		check_ports(check);
		check_system(check);
		check_dns(check);
	}
	return check->wrong ? put_end(1, "%u wrong, %u to look at", check->wrong, check->warnings) : put_end(0, "%s", "");
}

static int run_cert(struct check *check, bool import, struct cpl_str folder, struct cpl_str host, bool dry)
{
	const struct config_host *only = host.ptr ? host_of(check, host) : NULL;
	const char *path = import && check->config ? cpl_arena_copy(check->config->arena, folder).ptr : NULL;
	bool good;

	if (!check->config)
		return put_end(1, "%s cannot be read: see config check", check->path);
	if (host.ptr && !only)
		return put_end(1, "%.*s is not a host of %s", CPL_ARG(host), check->path);
	find_user(check);
	if (import && access(path, R_OK | X_OK) != 0)
		return put_end(1, "%s: %s", path, strerror(errno));
	if (!import) {
		check_certificates(check, only);
		return check->wrong ? put_end(1, "%u wrong", check->wrong) : put_end(0, "%s", "");
	}
	good = cert_import(check, path, only, dry, tell_import);
	return good ? put_end(0, "%s", "") : put_end(1, "not all certificates could be imported");
}

static bool matches(enum local_command which, const struct cpl_str *words, size_t count, struct cpl_arena *arena, struct form_match *match)
{
	struct form *form = cpl_arena_alloc(arena, sizeof *form);

	return form_parse(form, command_local[which].form, NULL) == 0 && form_match(form, words, count, arena, match, NULL) == 0;
}

int check_run(const struct server_options *options, int argc, char **argv)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct config_report quiet = {0};
	struct cpl_str words[FORM_WORDS];
	struct check check = {.path = options->config_path};
	struct form_match match;
	size_t count = 0;
	int code = 2;

	while (count < FORM_WORDS && (int)count < argc) {
		words[count] = cpl_str_of(argv[count]);
		count++;
	}
	check.config = config_read(options->config_path, &quiet);
	fill_ports(check.config);
	if (matches(LOCAL_SERVER_CHECK, words, count, arena, &match)) {
		put(FRAME_COLUMNS, cpl_str_of(command_local[LOCAL_SERVER_CHECK].columns));
		check.resolver = match.values[0].ptr;
		code = run_check(&check);
	} else if (matches(LOCAL_CERT_CHECK, words, count, arena, &match)) {
		put(FRAME_COLUMNS, cpl_str_of(command_local[LOCAL_CERT_CHECK].columns));
		code = run_cert(&check, false, CPL_NONE, match.arguments[0], false);
	} else if (matches(LOCAL_CERT_IMPORT, words, count, arena, &match)) {
		put(FRAME_COLUMNS, cpl_str_of(command_local[LOCAL_CERT_IMPORT].columns));
		code = run_cert(&check, true, match.arguments[0], match.values[0], match.given[1]);
	} else {
		fputs("couplet: these words are not for --offline\n", stderr);
	}
	if (check.config)
		config_destroy(&check.config);
	config_report_finish(&quiet);
	cpl_arena_destroy(&arena);
	return code;
}
