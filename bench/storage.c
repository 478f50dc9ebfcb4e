/* SPDX-License-Identifier: MIT */
/*
 * How many archive rows a second the sqlite driver makes durable, seen from the interface that modules use:
 * one append a batch, so many batches in flight, acknowledged after the commit (synchronous=FULL). 1,000
 * accounts with 20 contacts each, in random order, 500 bytes a row.
 *
 *     bench/storage [ROWS [IN-FLIGHT [ROWS-A-SECOND [DIRECTORY]]]]
 *
 * ROWS-A-SECOND 0 (the default): as fast as they are taken. The directory must be on the disk that is to be
 * measured.
 */
#include "tests/unit/storage/driver.h"

#include "core/loop/loop.h"
#include "core/xmpp/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { ACCOUNTS = 1000, CONTACTS = 20, BODY = 500 };

static const struct cpl_column columns[] = {
	{"stanza", CPL_COLUMN_STANZA, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_store archive = {"archive", CPL_STORE_ARCHIVE, 1, columns, NULL};

struct slot {
	struct cpl_store_call call;
	struct slot *next;
	int64_t begun;
};

static struct slot *slots, *idle;
static int64_t *latencies;
static unsigned long rows, submitted, done;
static char accounts[ACCOUNTS][32], contacts[CONTACTS][40];
static char body[BODY + 1];

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* xorshift: the same rows in each run. */
static unsigned next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33);
}

static void appended(struct cpl_call *call)
{
	struct slot *slot =
		CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct slot, call);

	if (call->status) {
		fprintf(stderr, "a row was refused: %s\n", slot->call.error);
		exit(1);
	}
	latencies[done++] = now_us() - slot->begun;
	slot->next = idle;
	idle = slot;
}

static void append(void)
{
	struct slot *slot = idle;
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_BYTES(((struct cpl_str){body, BODY}));

	idle = slot->next;
	slot->begun = now_us();
	cpl_batch_append(batch, &archive, jid_of(accounts[next_random() % ACCOUNTS]), cpl_now(),
			 jid_of(contacts[next_random() % CONTACTS]), &value);
	if (cpl_batch_commit(&slot->call, NULL, &batch, appended))
		exit(1);
	submitted++;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void prepare(const char *directory)
{
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_error error = {0};

	driver_begin(&sqlite_LTX_cpl_module, directory);
	if (driver_open(&error) || store_declare(&archive, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		snprintf(accounts[i], sizeof(accounts[i]), "user%u@example.org", i);
		cpl_batch_account_create(batch, jid_of(accounts[i]));
	}
	for (unsigned i = 0; i < CONTACTS; i++)
		snprintf(contacts[i], sizeof(contacts[i]), "contact%u@example.com/phone", i);
	memset(body, 'x', BODY);
	/* A second run on the same directory has the accounts. */
	if (commit(&batch) && !directory)
		exit(1);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	unsigned long in_flight = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
	double rate = argc > 3 ? strtod(argv[3], NULL) : 0, cpu, seconds;
	int64_t begun;
	struct stat file;
	char path[128];

	rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 300000;
	if (!rows || !in_flight)
		return 2;
	prepare(argc > 4 ? argv[4] : NULL);
	slots = cpl_alloc(in_flight * sizeof(*slots));
	latencies = cpl_alloc(rows * sizeof(*latencies));
	for (unsigned long i = 0; i < in_flight; i++) {
		slots[i].next = idle;
		idle = &slots[i];
	}
	begun = now_us();
	cpu = cpu_seconds();
	while (done < rows) {
		double due = rate > 0 ? (double)(now_us() - begun) / 1e6 * rate : (double)rows;

		while (idle && submitted < rows && (double)submitted < due)
			append();
		loop_turn(1);
	}
	seconds = (double)(now_us() - begun) / 1e6;
	cpu = cpu_seconds() - cpu;
	qsort(latencies, rows, sizeof(*latencies), compare);
	driver_close();
	snprintf(path, sizeof(path), "%s/couplet.sqlite", driver_directory());
	printf("rows %lu in_flight %lu rows_per_second %.0f cpu_us_per_row %.1f latency_ms_median %.1f "
	       "latency_ms_p99 %.1f bytes_per_row %.0f\n",
	       rows, in_flight, (double)rows / seconds, cpu * 1e6 / (double)rows,
	       (double)latencies[rows / 2] / 1e3, (double)latencies[rows * 99 / 100] / 1e3,
	       stat(path, &file) == 0 ? (double)file.st_size / (double)rows : 0.0);
	cpl_free(slots);
	cpl_free(latencies);
	driver_end();
	return 0;
}
