/* SPDX-License-Identifier: MIT */
/* One test in a process of its own. */
#include "core/test/run.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_HIT = 16 };

static bool struck;

void run_fault_struck(void)
{
	struck = true;
}

struct testcore_setup run_setup(const struct run *run, const char *options)
{
	return (struct testcore_setup){
		.folder = run->folder,
		.modules_path = run->modules_path,
		.module = run->module,
		.config = run->test->config,
		.options = options ? options : run->test->options,
		.certificates = run->test->flags & CPL_TEST_CERTIFICATES,
		.driver = run->driver,
	};
}

void run_open(const struct run *run)
{
	struct testcore_setup setup = run_setup(run, NULL);
	struct cpl_buf refusal = {0};

	testlog_open();
	if (!testcore_open(&setup, &refusal))
		testcore_fail("the server does not start:\n%s", refusal.ptr ? refusal.ptr : "");
	cpl_buf_finish(&refusal);
}

/* ---- the child ---- */

static struct {
	const struct run *run;
	test_function *function;
	const void *data;
	unsigned n;
} task;

static void run_task(void)
{
	task.function(task.run, task.data, task.n);
}

static __attribute__((noreturn)) void be_child(const struct run *run, test_function *function, const void *data, unsigned n)
{
	char *complaints;
	int code;

	alarm(run->seconds);
	task.run = run;
	task.function = function;
	task.data = data;
	task.n = n;
	testcore_run(run_task);
	complaints = testcore_take_complaints();
	code = (complaints ? EXIT_FAILED : EXIT_GOOD) | (struck ? EXIT_HIT : 0);
	if (complaints)
		fputs(complaints, stderr);
	cpl_free(complaints);
	exit(code);
}

/* ---- the parent ---- */

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	return remove(path);
}

static void read_all(int fd, struct cpl_buf *text)
{
	enum { TEXT_MAX = 1 << 20 };
	ssize_t got;

	do {
		char *room = cpl_buf_reserve(text, 4096);

		got = read(fd, room, 4096);
		if (got > 0 && text->len < TEXT_MAX)
			text->len += (size_t)got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	cpl_buf_reserve(text, 1)[0] = '\0';
}

static void explain_end(int status, const struct run *run, struct cpl_buf *text)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		cpl_buf_addf(text, "no end after %u s\n", run->seconds);
	else if (WIFSIGNALED(status))
		cpl_buf_addf(text, "ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if ((WEXITSTATUS(status) & ~EXIT_HIT) > EXIT_FAILED)
		cpl_buf_addf(text, "ended with exit code %d\n", WEXITSTATUS(status));
}

struct outcome run_child(const struct run *run, test_function *function, const void *data, unsigned n)
{
	struct run own = *run;
	struct cpl_buf text = {0};
	char *folder = cpl_asprintf("%s/test", run->folder);
	int ends[2], status = 0;
	pid_t pid;

	own.folder = folder;
	if (mkdir(folder, 0700) < 0 || pipe(ends) < 0) {
		fprintf(stderr, "couplet-module-test: %s: %s\n", folder, strerror(errno));
		exit(2);
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		be_child(&own, function, data, n);
	}
	close(ends[1]);
	read_all(ends[0], &text);
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		fprintf(stderr, "couplet-module-test: no process for a test: %s\n", strerror(errno));
		exit(2);
	}
	explain_end(status, run, &text);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	cpl_free(folder);
	return (struct outcome){
		.good = WIFEXITED(status) && (WEXITSTATUS(status) & ~EXIT_HIT) == EXIT_GOOD,
		.hit = WIFEXITED(status) && (WEXITSTATUS(status) & EXIT_HIT),
		.text = cpl_buf_take(&text),
	};
}

bool run_wanted(const struct run *run, const char *title)
{
	return !run->only || strstr(title, run->only);
}

void run_report(struct run *run, const char *title, struct outcome *outcome)
{
	struct cpl_str rest = cpl_str_of(outcome->text), line;

	printf("%s - %s\n", outcome->good ? "ok" : "not ok", title);
	while (!outcome->good && cpl_str_split(&rest, '\n', &line))
		if (line.len)
			printf("    %.*s\n", CPL_ARG(line));
	if (outcome->good)
		run->passed++;
	else
		run->failed++;
	CPL_FREE(outcome->text);
	fflush(stdout);
}

void run_test(struct run *run, const char *title, test_function *function, const void *data)
{
	struct outcome outcome;

	if (!run_wanted(run, title))
		return;
	outcome = run_child(run, function, data, 0);
	run_report(run, title, &outcome);
}
