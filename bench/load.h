/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the load generator share: the options, the clients, and the steps. A run logs its sessions in and then goes through its steps in turn, on the same
 * sessions; each prints one JSON object with what it sent and received, what was lost or came twice, how long it took, and what the server has used for it.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "client.h"
#include "measure.h"

enum { CLIQUE = 51, MESSAGE_MAX = 4096, FLIGHT_MAX = 64 };

struct load {
	const char *steps;  /* names with an optional number each: "pairs:8,ping:4" */
	const char *prefix; /* accounts are PREFIX0, PREFIX1 ... */
	const char *tls;
	uint32_t sessions;
	uint32_t active;  /* of these so many take part in pairs, ping and paced (default: all) */
	uint32_t extra;   /* accounts behind those of the sessions that log in later: offline */
	uint32_t stride, offset, among; /* account_of() */
	uint32_t at_once; /* logins that are under way at a time */
	uint32_t addresses; /* the clients come from so many loopback addresses */
	uint32_t body;	  /* bytes of text in a message */
	uint64_t count;	  /* a step's stanzas, at most */
	double span;	  /* seconds that a step goes on, where it is not bounded by its count */
	double rate;	  /* of the quiet ones beside flood and slow: messages a second, all together */
	int port, pid, seconds; /* seconds: when to give up */
	struct client_options client;
};

/* What a step reports; `more` is further JSON members, each behind a comma. */
struct outcome {
	uint64_t sent, got, lost, doubled;
	double seconds;
	char more[1024];
};

extern struct load load;
extern struct client *clients;
extern struct outcome outcome; /* of the step at hand */
extern char padding[MESSAGE_MAX];

void die(const char *what) __attribute__((noreturn));
/* JSON for outcome.more. */
__attribute__((format(printf, 1, 2))) void report(const char *format, ...);
/* A turn of all clients; ends the program when one of them has failed. */
void turn(int ms);
uint64_t deadline(double seconds);
/* The number of a session's account: (offset + session) * stride, modulo `among` unless that is 0. With a stride that has no divisor in common with `among`, the
 * sessions are spread over that many accounts, and another offset gives other accounts. */
uint32_t account_of(uint32_t session);
/* Text to one client's connection, by the format. */
__attribute__((format(printf, 2, 3))) void tell(struct client *client, const char *format, ...);

/* Logs in clients[first] ... [first + count - 1], at most `at_once` at a time; those that are refused are tried again when `again`. Seconds it took. */
double log_in(uint32_t first, uint32_t count, uint32_t at_once, bool again);
/* Ends the streams of clients[first] ... and waits for the server's end of them. */
void log_out(uint32_t first, uint32_t count);
/* Until the server has answered a ping of each client, which comes behind what the client sent before, and `quiet` has passed without a stanza counted in outcome.got. */
void until_quiet(uint32_t first, uint32_t count, double quiet);
/* For until_quiet(): a client's handler calls it with what has come; counts answers to its pings. */
void see_syncs(const struct client *client);

/* ---- latencies, in microseconds ---- */

void latency_reset(void);
void latency_add(uint64_t from_ns);
size_t latency_count(void);
double latency_percentile(double p);

/* ---- the steps: each fills outcome ---- */

/* traffic.c: closed loops; open loops by schedule, with latencies counted from the time at which a message was due, so that a server that stalls is not asked less */
void step_pairs(uint32_t flight);
void step_ping(uint32_t flight);
void step_paced(uint32_t rate);
void step_fanout(uint32_t targets);
void step_wake(uint32_t ignored);
/* beside.c: quiet sessions alone, then beside one that is not */
void step_flood(uint32_t quiet);
void step_slow(uint32_t megabytes);
/* presence.c */
void step_cliques(uint32_t ignored);
void step_presence(uint32_t rounds);
void step_broadcast(uint32_t ignored);
/* kept.c: what the server keeps */
void step_offline(uint32_t each);
void step_roster(uint32_t items);
/* lives.c: sessions that come and go */
void step_idle(uint32_t sessions);
void step_first(uint32_t ignored);
void step_storm(uint32_t ignored);
void step_cycles(uint32_t cycles);

/* The paced messages of beside.c: between 2i and 2i + 1 of the first `active` clients, `rate` a second. */
struct pace {
	uint32_t pairs;
	double period_ns;
	uint64_t begin, next, until;
};
void pace_begin(struct pace *pace, uint32_t active, double rate, double seconds);
/* Sends what is due; false when the time is over. */
bool pace_send(struct pace *pace);
/* Waits for what is under way, and counts as lost what does not come. */
void pace_end(const struct pace *pace);

#endif
