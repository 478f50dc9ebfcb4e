/* SPDX-License-Identifier: MIT */
/* The ground of the manager's tests. */
#include "ground.h"
#include "core/xmpp/store.h"

char trace[65536];
static char folder[64], build[4096];

/* A driver's open() and leave() note from a worker. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void test_note(const char *format, ...)
{
	va_list args;
	size_t len;

	pthread_mutex_lock(&lock);
	len = strlen(trace);
	if (len > 0 && len + 1 < sizeof(trace))
		trace[len++] = ' ';
	va_start(args, format);
	vsnprintf(trace + len, sizeof(trace) - len, format, args);
	va_end(args);
	pthread_mutex_unlock(&lock);
}

void assert_trace(const char *expected)
{
	static char words[sizeof(trace)];

	pthread_mutex_lock(&lock);
	memcpy(words, trace, sizeof(words));
	trace[0] = '\0';
	pthread_mutex_unlock(&lock);
	assert_string_equal(words, expected);
}

void wait_for_trace(const char *part)
{
	bool there = false;

	for (int i = 0; i < 1000 && !there; i++) {
		loop_turn(10);
		pthread_mutex_lock(&lock);
		there = strstr(trace, part) != NULL;
		pthread_mutex_unlock(&lock);
	}
	assert_true(there);
}

/* ---- the gate ---- */

static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static pthread_t session_thread;
static bool shut;
static unsigned at_gate;

bool test_gate(void)
{
	if (pthread_equal(pthread_self(), session_thread))
		return false;
	pthread_mutex_lock(&lock);
	at_gate++;
	while (shut)
		pthread_cond_wait(&moved, &lock);
	at_gate--;
	pthread_mutex_unlock(&lock);
	return true;
}

void wait_for_gate(void)
{
	unsigned waiting = 0;

	for (int i = 0; i < 1000 && !waiting; i++) {
		loop_turn(10);
		pthread_mutex_lock(&lock);
		waiting = at_gate;
		pthread_mutex_unlock(&lock);
	}
	assert_int_equal(waiting, 1);
}

void gate_set(bool open)
{
	pthread_mutex_lock(&lock);
	shut = !open;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

/* ---- two hosts, as core/xmpp would have them ---- */

struct cpl_host hosts[2];
size_t host_total;

struct cpl_host *cpl_host_next(size_t *at)
{
	return *at < host_total ? &hosts[(*at)++] : NULL;
}

/* ---- files ---- */

static char *slurp(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *bytes;

	if (!file)
		fail_msg("cannot open %s", path);
	fseek(file, 0, SEEK_END);
	*size = (size_t)ftell(file);
	rewind(file);
	bytes = malloc(*size + 1);
	assert_int_equal(fread(bytes, 1, *size, file), *size);
	fclose(file);
	return bytes;
}

/* Puts a module's file where the server looks for it, as install(1) does: a new file under the old name. */
void place(const char *built, const char *name)
{
	char from[8192], to[256], fresh[264];
	size_t size;
	char *bytes;
	FILE *file;

	snprintf(from, sizeof(from), "%s/%s.so", build, built);
	snprintf(to, sizeof(to), "%s/modules/%s.so", folder, name);
	snprintf(fresh, sizeof(fresh), "%s.new", to);
	bytes = slurp(from, &size);
	file = fopen(fresh, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(fresh, to), 0);
	free(bytes);
}

unsigned copies(void)
{
	char path[128];
	unsigned count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/generations", folder);
	dir = opendir(path);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

/* ---- the configuration ---- */

struct config *config;
static struct cpl_buf report_text;

const char *write_config(const char *text)
{
	static char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/couplet.yml", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "storage: nostore\nlisten: {}\ndata: %s\nmodules_path: modules\n%s", folder, text);
	fclose(file);
	return path;
}

void open_config(struct config *now, struct config_report *report)
{
	const struct config_schema *schemas;
	const struct config_service *services;
	size_t schema_count, service_count;

	schema_count = manager_open(now, report, &schemas);
	service_count = manager_services(&services);
	config_judge(now, schemas, schema_count, services, service_count, report);
}

struct config *read_config(const char *text, bool *good)
{
	struct config_report report = {0};
	struct config *now = config_read(write_config(text), &report);

	assert_non_null(now);
	open_config(now, &report);
	cpl_buf_finish(&report_text);
	config_report_print(&report, &report_text);
	*good = report.errors == 0;
	config_report_finish(&report);
	return now;
}

void assert_report(const char *part)
{
	if (!strstr(report_text.ptr ? report_text.ptr : "", part))
		fail_msg("report: %s\nwanted: %s", report_text.ptr ? report_text.ptr : "", part);
}

int apply(const char *text, struct cpl_error *error)
{
	bool good;
	struct config *now = read_config(text, &good), *before = config;
	int code;

	if (!good)
		fail_msg("%s", report_text.ptr);
	code = manager_apply(now, error);
	if (code < 0) {
		manager_discard();
		manager_retire(&now);
		return code;
	}
	config = now;
	if (before)
		manager_retire(&before);
	return 0;
}

void apply_good(const char *text)
{
	struct cpl_error error = {0};

	if (apply(text, &error) < 0)
		fail_msg("%s", error.text);
}

void refuse(const char *text)
{
	bool good;
	struct config *now = read_config(text, &good);

	assert_false(good);
	manager_discard();
	manager_retire(&now);
}

/* ---- events ---- */

enum cpl_flow result;
unsigned results;

void done(struct cpl_event *event, enum cpl_flow flow)
{
	result = flow;
	results++;
}

static struct cpl_ev_stanza message;

void fire_message(void)
{
	results = 0;
	message = (struct cpl_ev_stanza){.host = &hosts[0]};
	cpl_fire_message(&hosts[0], &message, done);
}

void turns(void)
{
	while (loop_turn(0))
		;
}

CPL_SERVICE_REF(counter_ref, "counter", 1);
uint32_t service_id(const char *name);

const struct counter_service *counter(struct cpl_module **provider)
{
	counter_ref.id = service_id("counter");
	return cpl_service_find(&hosts[0], &counter_ref, provider);
}

int64_t count(void)
{
	struct cpl_module *provider;
	const struct counter_service *service = counter(&provider);

	assert_non_null(service);
	return service->count(provider);
}

/* ---- commands ---- */

void ended(struct manager_request *request, int status, const char *text)
{
	struct waiting *waiting = CPL_CONTAINER(request, struct waiting, request);

	assert_false(waiting->ended);
	waiting->ended = true;
	waiting->status = status;
	snprintf(waiting->text, sizeof(waiting->text), "%s", text);
}

void run_on(struct waiting *waiting)
{
	for (int i = 0; i < 1000 && !waiting->ended; i++)
		loop_turn(20);
	assert_true(waiting->ended);
}

struct waiting run(manager_verb *verb, const char *name)
{
	struct waiting waiting = {.request = {ended}};
	struct cpl_error error = {0};
	int code = verb(cpl_str_of(name), &waiting.request, &error);

	if (code < 0) {
		waiting.status = code;
		snprintf(waiting.text, sizeof(waiting.text), "%s", error.text);
		return waiting;
	}
	assert_false(waiting.ended);
	run_on(&waiting);
	return waiting;
}

void run_good(manager_verb *verb, const char *name)
{
	struct waiting waiting = run(verb, name);

	if (waiting.status < 0)
		fail_msg("%s", waiting.text);
}

void run_refused(manager_verb *verb, const char *name, const char *text)
{
	struct waiting waiting = run(verb, name);

	assert_true(waiting.status < 0);
	if (!strstr(waiting.text, text))
		fail_msg("\"%s\" (wanted: %s)", waiting.text, text);
}

/* ---- each test ---- */

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *ftw)
{
	return remove(path);
}

void find_build(void)
{
	ssize_t len = readlink("/proc/self/exe", build, sizeof(build) - 1);
	char *slash;

	assert_true(len > 0);
	build[len] = '\0';
	slash = strrchr(build, '/');
	*slash = '\0';
	if (strlen(build) > 6 && strcmp(build + strlen(build) - 6, "/.libs") == 0)
		build[strlen(build) - 6] = '\0';
}

int set_up(void **state)
{
	struct logger_options options = {.level = CPL_LOG_WARN, .sink = LOGGER_MEMORY};
	char path[128];

	snprintf(folder, sizeof(folder), "/tmp/couplet-module-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/modules", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	trace[0] = '\0';
	session_thread = pthread_self();
	host_total = 1;
	for (size_t i = 0; i < 2; i++) {
		hosts[i] = (struct cpl_host){.name = i ? CPL_STR("example.net") : CPL_STR("example.org")};
		cpl_scope_init(&hosts[i].scope, NULL);
	}
	assert_int_equal(logger_start(&options, NULL), 0);
	assert_int_equal(loop_init(true), 0);
	assert_int_equal(worker_init(1), 0);
	manager_init();
	place("nostore/.libs/nostore", "nostore");
	place("counter1/.libs/counter", "counter");
	place("holder/.libs/holder", "holder");
	place("rival/.libs/rival", "rival");
	return 0;
}

int tear_down(void **state)
{
	char *lines;
	size_t at = 0;

	gate_set(true);
	manager_finish();
	assert_null(manager_next(&at));
	store_finish();
	for (size_t i = 0; i < 2; i++) {
		slot_release_all(&hosts[i].slots, CPL_SLOT_OF_HOST);
		dispatch_unref(&hosts[i].dispatch);
	}
	manager_retire(&config);
	worker_finish();
	loop_finish();
	lines = logger_take_memory();
	assert_string_equal(lines, "");
	cpl_free(lines);
	logger_finish();
	cpl_buf_finish(&report_text);
	assert_int_equal(copies(), 0);
	assert_int_equal(suspension_count(), 0);
	for (uint32_t id = 1; id < account_count(); id++)
		if (account_by_id(id))
			fail_msg("account %s is left", account_by_id(id)->name);
	for (uint32_t id = 1; id < account_memory_count(); id++)
		if (account_memory_by_id(id) && account_memory_by_id(id)->blocks)
			fail_msg("memory of %s is left", account_memory_by_id(id)->name);
	nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

void forget_log(const char *part)
{
	char *lines = logger_take_memory();

	if (!strstr(lines, part))
		fail_msg("log: \"%s\" (wanted: %s)", lines, part);
	cpl_free(lines);
}
