/* SPDX-License-Identifier: MIT */
/* HTTP requests to a server on loopback that is well, slow, too talkative, gone too early or a stranger; and cancelling them in every way. */
#include "unit.h"

#include "core/base/account.h"
#include "core/loop/call.h"
#include "core/loop/loop.h"
#include "core/net/http.h"

#include <couplet/memory.h>
#include <couplet/time.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64], authorities[96];
static int plain_port, secure_port, to_server;
static pid_t server;

struct request {
	struct cpl_http_call http;
	unsigned fired;
	int status, code;
	char body[4096], type[64], error[256];
};

static void copy(char *to, size_t size, struct cpl_str from)
{
	snprintf(to, size, "%.*s", CPL_ARG(from));
}

static void on_done(struct cpl_call *call)
{
	struct request *request = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_http_call, call), struct request, http);

	request->fired++;
	request->status = call->status;
	request->code = request->http.code;
	copy(request->body, sizeof(request->body), request->http.body);
	copy(request->type, sizeof(request->type), request->http.content_type);
	copy(request->error, sizeof(request->error), request->http.error);
}

/* ---- the stage ---- */

static int start_server(void **state)
{
	int in[2], out[2];
	char line[64] = "";

	snprintf(folder, sizeof(folder), "/tmp/couplet-http-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(authorities, sizeof(authorities), "%s/cert.pem", folder);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execl(SOURCE "/tests/unit/net/http_server", "http_server", folder, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	to_server = in[1];
	for (size_t len = 0; !strchr(line, '\n');) {
		ssize_t got = read(out[0], line + len, sizeof(line) - 1 - len);

		if (got <= 0)
			fail_msg("the server does not start");
		len += (size_t)got;
	}
	close(out[0]);
	assert_int_equal(sscanf(line, "%d %d", &plain_port, &secure_port), 2);
	return 0;
}

static int stop_server(void **state)
{
	int status;

	close(to_server);
	assert_int_equal(waitpid(server, &status, 0), server);
	unlink(authorities);
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static int set_up(void **state)
{
	assert_int_equal(loop_init(false), 0);
	return 0;
}

static int tear_down(void **state)
{
	assert_int_equal(http_count(), 0);
	http_finish();
	loop_finish();
	return 0;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static char *url_of(const char *path, bool secure)
{
	return cpl_asprintf("%s://127.0.0.1:%d%s", secure ? "https" : "http", secure ? secure_port : plain_port, path);
}

static int start(struct request *request, const char *path, struct cpl_http_request what, struct cpl_scope *scope)
{
	char *url = url_of(path, what.authorities != NULL);
	int code;

	*request = (struct request){.status = 1};
	what.url = cpl_str_of(url);
	code = cpl_http_start(&request->http, scope, &what, on_done);
	/* Nothing borrowed survives the call. */
	memset(url, 'x', strlen(url));
	cpl_free(url);
	assert_int_equal(request->fired, 0);
	return code;
}

static void wait_for(struct request *request)
{
	int64_t until = now() + 15000;

	while (!request->fired && now() < until)
		loop_turn(100);
	assert_int_equal(request->fired, 1);
}

static void get(struct request *request, const char *path, struct cpl_http_request what)
{
	assert_int_equal(start(request, path, what, NULL), 0);
	wait_for(request);
}

#define NOTHING ((struct cpl_http_request){.flags = 0})

/* ---- answers ---- */

static void test_get(void **state)
{
	struct request request;

	get(&request, "/hello", NOTHING);
	assert_int_equal(request.status, 0);
	assert_int_equal(request.code, 200);
	assert_string_equal(request.body, "Hello");
	assert_string_equal(request.type, "text/plain");
	get(&request, "/missing", NOTHING);
	assert_int_equal(request.status, 0);
	assert_int_equal(request.code, 404);
	assert_string_equal(request.body, "none");
	get(&request, "/hello", (struct cpl_http_request){.method = CPL_STR("HEAD")});
	assert_int_equal(request.code, 200);
	assert_string_equal(request.body, "");
}

static void test_methods_bodies_headers(void **state)
{
	const struct cpl_http_header headers[] = {{CPL_STR("X-One"), CPL_STR("1")}};
	struct request request;

	get(&request, "/echo", (struct cpl_http_request){.body = CPL_STR("a=1"), .headers = headers, .header_count = 1});
	assert_string_equal(request.body, "POST 1 - couplet a=1");
	get(&request, "/echo", (struct cpl_http_request){.method = CPL_STR("PUT"), .body = CPL_STR("")});
	assert_string_equal(request.body, "PUT - - couplet ");
	get(&request, "/echo", (struct cpl_http_request){.method = CPL_STR("DELETE")});
	assert_string_equal(request.body, "DELETE - - couplet ");
}

static void test_many_at_a_time(void **state)
{
	static struct request requests[65];

	for (int i = 0; i < 64; i++)
		assert_int_equal(start(&requests[i], "/hello", NOTHING, NULL), 0);
	assert_int_equal(http_count(), 64);
	assert_int_equal(start(&requests[64], "/hello", NOTHING, NULL), CPL_E_BUSY);
	for (int i = 0; i < 64; i++) {
		wait_for(&requests[i]);
		assert_string_equal(requests[i].body, "Hello");
	}
}

/* ---- bounds ---- */

static void test_too_long(void **state)
{
	struct request request;

	get(&request, "/bytes/1000", (struct cpl_http_request){.max_size = 1000});
	assert_int_equal(request.status, 0);
	get(&request, "/bytes/1001", (struct cpl_http_request){.max_size = 1000});
	assert_int_equal(request.status, CPL_E_FULL);
	assert_string_equal(request.body, "");
	get(&request, "/endless", (struct cpl_http_request){.max_size = 100000});
	assert_int_equal(request.status, CPL_E_FULL);
	get(&request, "/headers", NOTHING);
	assert_int_equal(request.status, CPL_E_FULL);
}

static void test_slow(void **state)
{
	struct request request;
	int64_t since = now();

	get(&request, "/slow", (struct cpl_http_request){.timeout_ms = 300});
	assert_int_equal(request.status, CPL_E_TIMEOUT);
	assert_true(request.error[0]);
	assert_true(now() - since >= 290 && now() - since < 5000);
}

static void test_broken(void **state)
{
	struct request request;

	get(&request, "/early", NOTHING);
	assert_int_equal(request.status, CPL_E_IO);
	assert_string_equal(request.body, "");
	get(&request, "/rubbish", NOTHING);
	assert_int_equal(request.status, CPL_E_IO);
}

static void test_nobody_there(void **state)
{
	struct cpl_http_request what = {.url = CPL_STR("http://127.0.0.1:1/")};
	struct request request = {.status = 1};

	assert_int_equal(cpl_http_start(&request.http, NULL, &what, on_done), 0);
	wait_for(&request);
	assert_int_equal(request.status, CPL_E_REFUSED);
	what.url = CPL_STR("http://no-such-name.invalid/");
	request = (struct request){.status = 1};
	assert_int_equal(cpl_http_start(&request.http, NULL, &what, on_done), 0);
	wait_for(&request);
	assert_int_equal(request.status, CPL_E_NOT_FOUND);
}

static void test_certificates(void **state)
{
	struct request request;
	char *url = url_of("/hello", true);
	struct cpl_http_request what = {.url = cpl_str_of(url)};

	get(&request, "/hello", (struct cpl_http_request){.authorities = authorities});
	assert_int_equal(request.status, 0);
	assert_string_equal(request.body, "Hello");
	/* Self-signed, and known to nobody. */
	request = (struct request){.status = 1};
	assert_int_equal(cpl_http_start(&request.http, NULL, &what, on_done), 0);
	wait_for(&request);
	assert_int_equal(request.status, CPL_E_DENIED);
	cpl_free(url);
	/* Known, but of another name. */
	url = cpl_asprintf("https://localhost:%d/hello", secure_port);
	what = (struct cpl_http_request){.url = cpl_str_of(url), .authorities = authorities};
	request = (struct request){.status = 1};
	assert_int_equal(cpl_http_start(&request.http, NULL, &what, on_done), 0);
	wait_for(&request);
	assert_int_equal(request.status, CPL_E_DENIED);
	cpl_free(url);
}

static void test_redirects(void **state)
{
	struct request request;

	get(&request, "/there", NOTHING);
	assert_int_equal(request.code, 302);
	get(&request, "/there", (struct cpl_http_request){.redirects = 1});
	assert_int_equal(request.code, 200);
	assert_string_equal(request.body, "Hello");
	get(&request, "/circle", (struct cpl_http_request){.redirects = 3});
	assert_int_equal(request.status, CPL_E_REFUSED);
	get(&request, "/file", (struct cpl_http_request){.redirects = 3});
	assert_int_equal(request.status, CPL_E_REFUSED);
	get(&request, "/other", (struct cpl_http_request){.redirects = 3});
	assert_int_equal(request.status, CPL_E_REFUSED);
}

static void test_not_a_request(void **state)
{
	static const char *const urls[] = {"", "hello", "file:///etc/passwd", "ftp://127.0.0.1/", "http://127.0.0.1/\r\nHost: x"};
	const struct cpl_http_header smuggled = {CPL_STR("X-One"), CPL_STR("1\r\nX-Two: 2")}, named = {CPL_STR("X-One: 2\nX"), CPL_STR("1")};
	struct request request = {.status = 1};

	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct cpl_http_request what = {.url = cpl_str_of(urls[i])};

		assert_int_equal(cpl_http_start(&request.http, NULL, &what, on_done), CPL_E_INVALID);
	}
	assert_int_equal(start(&request, "/hello", (struct cpl_http_request){.headers = &smuggled, .header_count = 1}, NULL), CPL_E_INVALID);
	assert_int_equal(start(&request, "/hello", (struct cpl_http_request){.headers = &named, .header_count = 1}, NULL), CPL_E_INVALID);
	assert_int_equal(start(&request, "/hello", (struct cpl_http_request){.method = CPL_STR("GET /x HTTP/1.1\r\n")}, NULL), CPL_E_INVALID);
	loop_turn(0);
	assert_int_equal(request.fired, 0);
}

/* ---- cancelling ---- */

static void settle(struct request *request)
{
	assert_int_equal(request->fired, 0);
	wait_for(request);
	assert_int_equal(request->status, CPL_E_CANCELLED);
	for (int i = 0; i < 20; i++)
		loop_turn(5);
	assert_int_equal(request->fired, 1);
	assert_int_equal(http_count(), 0);
}

static void turns(int count)
{
	while (count-- > 0)
		loop_turn(20);
}

static void test_cancel(void **state)
{
	struct request request;

	/* At once, while connected, and when the answer has come in the same turn. */
	for (int after = 0; after < 6; after++) {
		assert_int_equal(start(&request, "/slow", NOTHING, NULL), 0);
		turns(after);
		cpl_call_cancel(&request.http.call);
		cpl_call_cancel(&request.http.call);
		settle(&request);
	}
	get(&request, "/hello", NOTHING);
	cpl_call_cancel(&request.http.call);
	turns(3);
	assert_int_equal(request.fired, 1);
	assert_int_equal(request.status, 0);
}

/*
 * In place of the C library's: a name server that does not answer. It lets the resolver's thread go when the test says so, or after 8 s, so that one that
 * waits for it is too late and not stuck.
 */
static _Atomic int resolving, resolve_on;

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	void *symbol;

	if (!node || strcmp(node, "silent.example") != 0) {
		symbol = dlsym(RTLD_NEXT, "getaddrinfo");
		memcpy(&real, &symbol, sizeof(real));
		return real(node, service, hints, out);
	}
	resolving++;
	for (int i = 0; i < 800 && !resolve_on; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	resolving--;
	return EAI_AGAIN;
}

static void test_resolver_does_not_keep_the_thread(void **state)
{
	struct cpl_http_request what = {.url = CPL_STR("http://silent.example/"), .timeout_ms = 200};
	struct request slow = {.status = 1}, cancelled = {.status = 1}, other;
	int64_t since = now();

	assert_int_equal(cpl_http_start(&slow.http, NULL, &what, on_done), 0);
	what.timeout_ms = 0;
	assert_int_equal(cpl_http_start(&cancelled.http, NULL, &what, on_done), 0);
	for (int i = 0; i < 2000 && resolving < 2; i++)
		loop_turn(5);
	assert_int_equal(resolving, 2);
	get(&other, "/hello", NOTHING);
	assert_int_equal(other.status, 0);
	cpl_call_cancel(&cancelled.http.call);
	wait_for(&cancelled);
	assert_int_equal(cancelled.status, CPL_E_CANCELLED);
	wait_for(&slow);
	assert_int_equal(slow.status, CPL_E_TIMEOUT);
	assert_true(now() - since < 4000);
	assert_int_equal(http_count(), 0);
	resolve_on = 1;
	for (int i = 0; i < 500 && resolving; i++)
		loop_turn(10);
	assert_int_equal(resolving, 0);
}

static void test_scope_ends(void **state)
{
	struct request requests[3], late;
	struct cpl_scope scope;

	cpl_scope_init(&scope, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(start(&requests[i], "/slow", NOTHING, &scope), 0);
	turns(3);
	cpl_scope_end(&scope);
	for (int i = 0; i < 3; i++) {
		wait_for(&requests[i]);
		assert_int_equal(requests[i].status, CPL_E_CANCELLED);
	}
	assert_int_equal(scope.refs, 0);
	assert_int_equal(start(&late, "/hello", NOTHING, &scope), CPL_E_CANCELLED);
}

struct cpl_module {
	struct cpl_list calls;
	bool stopping;
};
static struct cpl_module module;
static struct account *account;

static struct account *account_of(struct cpl_module *self)
{
	return account;
}

static bool is_stopping(struct cpl_module *self)
{
	return self->stopping;
}

static struct cpl_list *calls_of(struct cpl_module *self)
{
	return &self->calls;
}

/* As the drain of a module does it: no more starts, all in flight cancelled, and nothing of it is left. */
static void test_unload(void **state)
{
	struct account_visit visit;
	struct request request, late;

	account = account_create("fetch");
	cpl_list_init(&module.calls);
	account_of_module = account_of;
	account_module_stopping = is_stopping;
	account_module_calls = calls_of;
	visit = account_enter(account, &module, ACCOUNT_IN_START);
	assert_int_equal(start(&request, "/slow", NOTHING, NULL), 0);
	account_leave(&visit);
	turns(3);
	module.stopping = true;
	call_cancel_owned(&module.calls);
	settle(&request);
	assert_true(cpl_list_empty(&module.calls));
	assert_int_equal(account->calls_started, account->calls_fired);
	visit = account_enter(account, &module, ACCOUNT_IN_START);
	assert_int_equal(start(&late, "/hello", NOTHING, NULL), CPL_E_STOPPING);
	account_leave(&visit);
	assert_int_equal(account->memory->blocks, 0);
	account_of_module = NULL;
	account_module_stopping = NULL;
	account_module_calls = NULL;
	account_release(&account);
}

/* The callback is where the request may be freed or made anew. */
static unsigned rounds;

static void on_round(struct cpl_call *call)
{
	char *url = url_of("/hello", false);
	struct cpl_http_request what = {.url = cpl_str_of(url)};

	assert_int_equal(call->status, 0);
	if (++rounds < 5)
		assert_int_equal(cpl_http_start(CPL_CONTAINER(call, struct cpl_http_call, call), NULL, &what, on_round), 0);
	cpl_free(url);
}

static void test_again_from_the_callback(void **state)
{
	struct cpl_http_call request;
	char *url = url_of("/hello", false);
	struct cpl_http_request what = {.url = cpl_str_of(url)};
	int64_t until = now() + 15000;

	rounds = 0;
	request = (struct cpl_http_call){.code = 0};
	assert_int_equal(cpl_http_start(&request, NULL, &what, on_round), 0);
	cpl_free(url);
	while (rounds < 5 && now() < until)
		loop_turn(100);
	assert_int_equal(rounds, 5);
	turns(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_get, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_methods_bodies_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_certificates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_redirects, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_a_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_resolver_does_not_keep_the_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_scope_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_again_from_the_callback, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("http", tests, start_server, stop_server);
}
