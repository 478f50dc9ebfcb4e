/* SPDX-License-Identifier: MIT */
/* Sessions that come, stay and go: logins, idle sessions, a storm of reconnections, cycles. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void start_one(uint32_t index)
{
	char user[64];

	snprintf(user, sizeof user, "%s%u", load.prefix, account_of(index));
	clients[index].index = index;
	if (!client_start(&clients[index], &load.client, user) && clients[index].state != CLIENT_FAILED)
		die(clients_why[0] ? clients_why : strerror(errno));
}

enum { LOGIN_PATIENCE_S = 60 };

/* Those who were refused, or have waited for too long, try again. */
static void start_again(uint32_t first, uint32_t count, uint64_t *refused)
{
	uint64_t now = now_ns();

	for (uint32_t i = first; i < first + count; i++) {
		bool late = clients[i].state != CLIENT_READY && now - clients[i].started_ns > LOGIN_PATIENCE_S * 1000000000ull;

		if (clients[i].state != CLIENT_FAILED && !late)
			continue;
		client_close(&clients[i]);
		start_one(i);
		(*refused)++;
	}
}

static double log_in_counted(uint32_t first, uint32_t count, uint32_t at_once, bool again, uint64_t *refused)
{
	size_t base = clients_ready;
	uint32_t started = 0;
	uint64_t from = now_ns(), until = deadline(load.seconds * (again ? 1.0 : 10.0)), look = deadline(1);

	while (clients_ready - base < count) {
		while (started < count && started - (clients_ready - base) < at_once)
			start_one(first + started++);
		clients_turn(100);
		if (clients_failed && !again)
			die(clients_why);
		if (again && started == count && (clients_failed || now_ns() > look)) {
			clients_failed = 0;
			look = deadline(1);
			clients_turn(1);
			start_again(first, count, refused);
		}
		if (now_ns() > until)
			die("the logins take too long");
	}
	return (double)(now_ns() - from) / 1e9;
}

double log_in(uint32_t first, uint32_t count, uint32_t at_once, bool again)
{
	uint64_t refused = 0;

	return log_in_counted(first, count, at_once, again, &refused);
}

void log_out(uint32_t first, uint32_t count)
{
	uint64_t until = deadline(10);
	uint32_t left = count;

	for (uint32_t i = first; i < first + count; i++) {
		clients[i].received = NULL;
		client_may_end(&clients[i]);
		tell(&clients[i], "</stream:stream>");
	}
	while (left && now_ns() < until) {
		turn(20);
		left = 0;
		for (uint32_t i = first; i < first + count; i++)
			left += !clients[i].dead;
	}
	for (uint32_t i = first; i < first + count; i++)
		client_close(&clients[i]);
}

/* How long each login took, from the connection to the resource. */
static void add_login_times(uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		latency_add(now_ns() - (clients[i].ready_ns - clients[i].started_ns));
}

static void pause_for(double seconds)
{
	for (uint64_t until = deadline(seconds); now_ns() < until;)
		turn(20);
}

/* From the sessions there are to so many (0: all); what the logins cost, and the memory when they are quiet. */
void step_idle(uint32_t sessions)
{
	struct measure before, after;
	uint32_t there = (uint32_t)clients_ready;

	if (sessions == 0 || sessions > load.sessions)
		sessions = load.sessions;
	if (sessions <= there)
		die("idle: so many sessions are there");
	measure_take(&before, load.pid);
	outcome.sent = outcome.got = sessions - there;
	outcome.seconds = log_in(there, sessions - there, load.at_once, false);
	add_login_times(there, sessions - there);
	pause_for(1);
	measure_take(&after, load.pid);
	report(", \"after\": %u, \"login_cpu_us\": %.1f, \"logins_per_s\": %.1f", sessions,
	       (after.cpu_seconds - before.cpu_seconds) * 1e6 / (sessions - there), (sessions - there) / outcome.seconds);
}

/* One session, from a server that is perhaps not there yet: asks until it is; when that was, by the machine's monotonic clock. */
void step_first(uint32_t ignored)
{
	uint64_t refused = 0;

	(void)ignored;
	outcome.seconds = log_in_counted(0, 1, 1, true, &refused);
	outcome.sent = outcome.got = 1;
	report(", \"refused\": %lu, \"ready_s\": %.6f", refused, (double)clients[0].ready_ns / 1e9);
}

/* All connections break at once, and all clients come back at once; who is refused tries again. */
void step_storm(uint32_t ignored)
{
	struct measure before, after;
	uint64_t refused = 0;

	(void)ignored;
	for (uint32_t i = 0; i < load.sessions; i++)
		client_close(&clients[i]);
	latency_reset();
	measure_take(&before, load.pid);
	outcome.seconds = log_in_counted(0, load.sessions, load.sessions, true, &refused);
	measure_take(&after, load.pid);
	add_login_times(0, load.sessions);
	outcome.sent = outcome.got = load.sessions;
	report(", \"refused\": %lu, \"login_cpu_us\": %.1f, \"logins_per_s\": %.1f", refused, (after.cpu_seconds - before.cpu_seconds) * 1e6 / load.sessions,
	       load.sessions / outcome.seconds);
}

/* All log in and out so many times; memory after each cycle. */
void step_cycles(uint32_t cycles)
{
	report(", \"rss_after_kib\": [");
	for (uint32_t i = 0; i < cycles; i++) {
		outcome.got += load.sessions;
		outcome.sent += load.sessions;
		log_in(0, load.sessions, load.at_once, false);
		pause_for(0.5);
		log_out(0, load.sessions);
		pause_for(4);
		report("%s%ld", i ? ", " : "", measure_rss(load.pid));
	}
	report("]");
}
