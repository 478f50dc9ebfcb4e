/* SPDX-License-Identifier: MIT */
/* HTTP requests, on libcurl's multi interface. */
#include "core/net/http.h"

#include "core/base/account.h"
#include "core/loop/loop.h"

#include <assert.h>
#include <couplet/log.h>
#include <couplet/memory.h>
#include <curl/curl.h>

enum {
	REQUESTS_MAX = 64,
	KEPT_MAX = 8,           /* connections for reuse */
	KEPT_S = 30,
	HEADERS_MAX = 65536,    /* bytes of an answer's header */
	URL_MAX = 8192,
	SIZE_DEFAULT = 1 << 20,
	TIME_DEFAULT = 30000,
};

struct transfer {
	CURL *easy;
	struct curl_slist *headers;
	struct cpl_http_call *request; /* NULL once it has been cancelled */
	void (*done)(struct cpl_call *call);
	struct cpl_buf body;
	char *content_type;
	size_t max_size, header_size;
	bool too_long;
	char error[CURL_ERROR_SIZE];
};

/* A socket of libcurl's. */
struct socket {
	struct loop_io io;
};

static struct {
	CURLM *multi;
	struct loop_timer timer;
	size_t count;
} http;

/* ---- between libcurl and the loop ---- */

static void collect(void);

static void act(curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(http.multi, fd, what, &running);
	collect();
}

static void on_ready(struct loop_io *io, bool readable, bool writable)
{
	/* libcurl may drop the watcher meanwhile. */
	act(io->fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *of_socket)
{
	struct socket *s = of_socket;
	int events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

	if (what == CURL_POLL_REMOVE) {
		if (s)
			loop_io_stop(&s->io);
		cpl_free(s);
		curl_multi_assign(http.multi, fd, NULL);
		return 0;
	}
	if (s) {
		loop_io_set(&s->io, events);
		return 0;
	}
	s = CPL_NEW(struct socket);
	curl_multi_assign(http.multi, fd, s);
	loop_io_start(&s->io, fd, events, on_ready);
	return 0;
}

static void on_time(struct loop_timer *timer)
{
	act(CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long ms, void *data)
{
	if (ms < 0)
		loop_timer_stop(&http.timer);
	else
		loop_timer_start(&http.timer, ms, on_time);
	return 0;
}

static bool open_multi(void)
{
	struct account_visit visit;

	if (http.multi)
		return true;
	/* Without it names would be resolved on the session thread, which waits for nobody. */
	if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS)) {
		cpl_log_error("this libcurl resolves names in the thread that asks; requests over HTTP are refused");
		return false;
	}
	visit = account_enter(NULL, NULL, ACCOUNT_IN_CORE);
	http.multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	if (http.multi) {
		curl_multi_setopt(http.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
		curl_multi_setopt(http.multi, CURLMOPT_TIMERFUNCTION, on_timer);
		curl_multi_setopt(http.multi, CURLMOPT_MAXCONNECTS, (long)KEPT_MAX);
	}
	account_leave(&visit);
	return http.multi != NULL;
}

/* ---- one transfer ---- */

static void transfer_free(struct transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	cpl_buf_finish(&transfer->body);
	cpl_free(transfer->content_type);
	cpl_free(transfer);
}

static size_t on_body(char *bytes, size_t one, size_t size, void *data)
{
	struct transfer *transfer = data;
	struct account *before;

	if (size > transfer->max_size - transfer->body.len) {
		transfer->too_long = true;
		return 0;
	}
	before = account_as_core();
	cpl_buf_add(&transfer->body, (struct cpl_str){bytes, size});
	account_back(before);
	return size;
}

static size_t on_header(char *bytes, size_t one, size_t size, void *data)
{
	struct transfer *transfer = data;

	transfer->header_size += size;
	/* A new answer behind a redirect: what came with the one before counts, its body does not. */
	if (size > 5 && memcmp(bytes, "HTTP/", 5) == 0)
		cpl_buf_clear(&transfer->body);
	transfer->too_long = transfer->too_long || transfer->header_size > HEADERS_MAX;
	return transfer->too_long ? 0 : size;
}

static int status_of(const struct transfer *transfer, CURLcode result)
{
	long code = 0;

	switch (result) {
	case CURLE_OK:
		return 0;
	case CURLE_OPERATION_TIMEDOUT:
		return CPL_E_TIMEOUT;
	case CURLE_FILESIZE_EXCEEDED:
		return CPL_E_FULL;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return CPL_E_DENIED;
	case CURLE_COULDNT_RESOLVE_HOST:
		return CPL_E_NOT_FOUND;
	case CURLE_UNSUPPORTED_PROTOCOL:
		/* A redirect to another scheme; without an answer before it: what came is no HTTP that we know. */
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
		return code >= 300 ? CPL_E_REFUSED : CPL_E_IO;
	case CURLE_COULDNT_CONNECT:
	case CURLE_TOO_MANY_REDIRECTS:
		return CPL_E_REFUSED;
	default:
		return transfer->too_long ? CPL_E_FULL : CPL_E_IO;
	}
}

static void on_fired(struct cpl_call *call)
{
	struct cpl_http_call *request = CPL_CONTAINER(call, struct cpl_http_call, call);
	struct transfer *transfer = request->impl[0];

	transfer->done(call);
	transfer_free(transfer);
}

static void transfer_end(struct transfer *transfer, CURLcode result)
{
	struct cpl_http_call *request = transfer->request;
	int status = status_of(transfer, result);
	const char *type = NULL;
	long code = 0;

	curl_multi_remove_handle(http.multi, transfer->easy);
	http.count--;
	transfer->request = NULL;
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &code);
	curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
	if (status == 0) {
		request->code = (int)code;
		request->body = cpl_buf_str(&transfer->body);
		transfer->content_type = type ? cpl_strdup(cpl_str_of(type)) : NULL;
		request->content_type = cpl_str_of(transfer->content_type);
	} else {
		request->error = cpl_str_of(transfer->error[0] ? transfer->error : curl_easy_strerror(result));
	}
	cpl_call_complete(&request->call, status);
}

static void collect(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http.multi, &left)))
		if (message->msg == CURLMSG_DONE) {
			CURLcode result = message->data.result;
			char *of_easy = NULL;

			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &of_easy);
			transfer_end((struct transfer *)(void *)of_easy, result);
		}
}

static void on_cancel(struct cpl_call *call)
{
	struct transfer *transfer = CPL_CONTAINER(call, struct cpl_http_call, call)->impl[0];

	if (!transfer->request)
		return;
	transfer->request = NULL;
	curl_multi_remove_handle(http.multi, transfer->easy);
	http.count--;
}

/* ---- starting ---- */

static bool has_break(struct cpl_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '\r' || text.ptr[i] == '\n' || text.ptr[i] == '\0')
			return true;
	return false;
}

static bool is_good(const struct cpl_http_request *what)
{
	bool known = cpl_str_starts(what->url, CPL_STR("http://")) || cpl_str_starts(what->url, CPL_STR("https://"));

	if (!known || what->url.len > URL_MAX || has_break(what->url) || has_break(what->method) || what->flags || what->timeout_ms < 0)
		return false;
	for (size_t i = 0; i < what->header_count; i++)
		if (what->headers[i].name.len == 0 || cpl_str_find(what->headers[i].name, ':') >= 0 || has_break(what->headers[i].name) ||
		    has_break(what->headers[i].value))
			return false;
	return true;
}

static void set_headers(struct transfer *transfer, const struct cpl_http_request *what)
{
	struct cpl_buf line = {0};

	for (size_t i = 0; i < what->header_count; i++) {
		cpl_buf_clear(&line);
		/* libcurl takes a header without a value only with a semicolon. */
		cpl_buf_addf(&line, what->headers[i].value.len ? "%.*s: %.*s" : "%.*s;%.*s", CPL_ARG(what->headers[i].name), CPL_ARG(what->headers[i].value));
		transfer->headers = curl_slist_append(transfer->headers, line.ptr);
	}
	/* No waiting for "100 Continue". */
	transfer->headers = curl_slist_append(transfer->headers, "Expect:");
	cpl_buf_finish(&line);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static void set_what(struct transfer *transfer, const struct cpl_http_request *what)
{
	CURL *easy = transfer->easy;
	char *url = cpl_strdup(what->url), *method = what->method.ptr ? cpl_strdup(what->method) : NULL;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	if (what->body.ptr) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)what->body.len);
		curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, what->body.ptr);
	}
	if (method && strcmp(method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (method)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	cpl_free(url);
	cpl_free(method);
	set_headers(transfer, what);
}

static void set_bounds(struct transfer *transfer, const struct cpl_http_request *what)
{
	CURL *easy = transfer->easy;
	int64_t ms = what->timeout_ms ? what->timeout_ms : TIME_DEFAULT;

	transfer->max_size = what->max_size ? what->max_size : SIZE_DEFAULT;
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)transfer->max_size);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(ms < 3600000 ? ms : 3600000));
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled request does not wait for the resolver's thread */
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)KEPT_S);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, cpl_str_starts(what->url, CPL_STR("https:")) ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, what->redirects ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)(what->redirects < 20 ? what->redirects : 20));
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* Where there is a folder beside the file, libcurl reads all of it for each connection; the file it keeps. */
	if (what->authorities || curl_version_info(CURLVERSION_NOW)->cainfo)
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	if (what->authorities)
		curl_easy_setopt(easy, CURLOPT_CAINFO, what->authorities);
}

static struct transfer *transfer_create(const struct cpl_http_request *what)
{
	struct transfer *transfer = CPL_NEW(struct transfer);

	transfer->easy = curl_easy_init();
	if (!transfer->easy) {
		cpl_free(transfer);
		return NULL;
	}
	set_bounds(transfer, what);
	set_what(transfer, what);
	curl_easy_setopt(transfer->easy, CURLOPT_USERAGENT, "couplet/" COUPLET_VERSION);
	curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
	return transfer;
}

int cpl_http_start(struct cpl_http_call *request, struct cpl_scope *scope, const struct cpl_http_request *what, void (*done)(struct cpl_call *call))
{
	struct transfer *transfer;
	struct account *before;
	int status;

	if (!is_good(what))
		return CPL_E_INVALID;
	if (http.count >= REQUESTS_MAX)
		return CPL_E_BUSY;
	if (!open_multi())
		return CPL_E_UNSUPPORTED;
	status = cpl_call_begin(&request->call, scope, on_fired, on_cancel);
	if (status != 0)
		return status;
	before = account_as_core();
	transfer = transfer_create(what);
	account_back(before);
	assert(transfer); /* libcurl is out of memory */
	transfer->request = request;
	transfer->done = done;
	request->code = 0;
	request->body = request->content_type = request->error = CPL_NONE;
	request->impl[0] = transfer;
	http.count++;
	/* The timer that this sets does the rest, in a later turn. */
	if (curl_multi_add_handle(http.multi, transfer->easy) != CURLM_OK)
		transfer_end(transfer, CURLE_FAILED_INIT);
	return 0;
}

size_t http_count(void)
{
	return http.count;
}

void http_finish(void)
{
	if (!http.multi)
		return;
	/* Of a module that did not come to an end: what libcurl has stays, as the module's code does. */
	if (http.count) {
		cpl_log_error("requests over HTTP are left at the end count=%zu", http.count);
		return;
	}
	curl_multi_cleanup(http.multi);
	loop_timer_stop(&http.timer);
	http.multi = NULL;
	curl_global_cleanup();
}
