/* SPDX-License-Identifier: MIT */
/* Messages and pings: closed loops (so many in flight), open loops (by schedule), one to many. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LATENCIES_MAX = 4000000 };

/* ---- latencies ---- */

static uint32_t *latencies; /* tenths of a microsecond */
static size_t taken;
static bool sorted;

void latency_reset(void)
{
	if (!latencies)
		latencies = calloc(LATENCIES_MAX, sizeof *latencies);
	taken = 0;
	sorted = false;
}

void latency_add(uint64_t from_ns)
{
	uint64_t now = now_ns();

	if (taken < LATENCIES_MAX)
		latencies[taken++] = now > from_ns ? (uint32_t)((now - from_ns) / 100) : 0;
}

size_t latency_count(void)
{
	return taken;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

double latency_percentile(double p)
{
	if (!taken)
		return 0;
	if (!sorted)
		qsort(latencies, taken, sizeof *latencies, by_size);
	sorted = true;
	return latencies[(size_t)((double)(taken - 1) * p)] / 10.0;
}

/* ---- what is sent and what comes ---- */

static void send_message(struct client *client, uint32_t to)
{
	tell(client,
	     "<message to='%s%u@%s/load' id='m%lu' type='chat'><body>%.*s &amp; so on</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
	     "<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='m%lu'/></message>",
	     load.prefix, account_of(to), load.client.domain, client->sent, (int)load.body, padding, client->sent);
	client->stamps[client->sent % FLIGHT_MAX] = now_ns();
	client->sent++;
	outcome.sent++;
}

/* Takes whole stanzas of the kind at hand from the front; others are passed over. */
static bool next_stanza(struct client *client, size_t *at, const char *open, const char *close, uint64_t *id)
{
	char *end = client->in + client->in_len, *from, *to, *mark;

	from = memmem(client->in + *at, (size_t)(end - client->in) - *at, open, strlen(open));
	if (!from)
		return false;
	to = memmem(from, (size_t)(end - from), close, strlen(close));
	if (!to)
		return false;
	mark = memmem(from, (size_t)(to - from), " id=", 4);
	*id = mark && mark + 6 < to ? strtoull(mark + 6, NULL, 10) : UINT64_MAX;
	*at = (size_t)(to - client->in) + strlen(close);
	return true;
}

/* Messages of one sender, numbered from zero. */
static bool next_message(struct client *client, size_t *at, uint64_t *id)
{
	if (!next_stanza(client, at, "<message", "</message>", id))
		return false;
	if (*id == client->expected) {
		client->expected++;
	} else if (*id < client->expected) {
		outcome.doubled++;
	} else {
		outcome.lost += *id - client->expected;
		client->expected = *id + 1;
	}
	outcome.got++;
	return true;
}

static void begin(uint32_t count, void (*received)(struct client *client))
{
	for (uint32_t i = 0; i < count; i++) {
		clients[i].peer = i ^ 1;
		clients[i].received = received;
		clients[i].sent = clients[i].got = clients[i].expected = 0;
	}
}

static void wait_for_all(double seconds)
{
	uint64_t until = deadline(seconds);

	while (outcome.got < outcome.sent && now_ns() < until)
		turn(20);
	outcome.lost += outcome.got < outcome.sent && !outcome.lost ? outcome.sent - outcome.got : 0;
}

/* ---- closed loops ---- */

static uint64_t stop_at;
static void (*send_next)(struct client *client);

static bool more(void)
{
	return outcome.sent < load.count && now_ns() < stop_at;
}

static void next_in_pair(struct client *client)
{
	if (more())
		send_message(client, client->peer);
}

static void next_ping(struct client *client)
{
	if (!more())
		return;
	client->stamps[client->sent % FLIGHT_MAX] = now_ns();
	tell(client, "<iq type='get' id='p%lu' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", client->sent++, load.client.domain);
	outcome.sent++;
}

static void on_message(struct client *client)
{
	struct client *sender = &clients[client->peer];
	size_t at = 0;
	uint64_t id;

	while (next_message(client, &at, &id)) {
		if (id < sender->sent && sender->sent - id <= FLIGHT_MAX)
			latency_add(sender->stamps[id % FLIGHT_MAX]);
		send_next(sender);
	}
	client_take(client, at);
}

static void on_pong(struct client *client)
{
	size_t at = 0;

	while (at < client->in_len) {
		char *end = memmem(client->in + at, client->in_len - at, "type='result'", 13);

		if (!end)
			end = memmem(client->in + at, client->in_len - at, "type=\"result\"", 13);
		if (!end)
			break;
		at = (size_t)(end - client->in) + 13;
		latency_add(client->stamps[client->got % FLIGHT_MAX]);
		client->got++;
		outcome.got++;
		send_next(client);
	}
	if (at == 0 && client->in_len > 2048)
		at = client->in_len - 64;
	client_take(client, at);
}

static void closed_loop(uint32_t flight, bool pairs)
{
	if (flight == 0 || flight > FLIGHT_MAX)
		die("from 1 to 64 in flight");
	begin(load.active, pairs ? on_message : on_pong);
	send_next = pairs ? next_in_pair : next_ping;
	stop_at = deadline(load.span);
	for (uint32_t i = 0; i + 1 < load.active + !pairs; i += pairs ? 2 : 1)
		for (uint32_t f = 0; f < flight; f++)
			send_next(&clients[i]);
	while (more())
		turn(20);
	wait_for_all(load.seconds);
}

void step_pairs(uint32_t flight)
{
	closed_loop(flight, true);
}

void step_ping(uint32_t flight)
{
	closed_loop(flight, false);
}

/* ---- by schedule ---- */

static const struct pace *pace_now;

static void on_paced(struct client *client)
{
	size_t at = 0;
	uint64_t id;

	while (next_message(client, &at, &id)) {
		uint64_t number = id * pace_now->pairs + client->index / 2;

		latency_add(pace_now->begin + (uint64_t)((double)number * pace_now->period_ns));
	}
	client_take(client, at);
}

void pace_begin(struct pace *pace, uint32_t active, double rate, double seconds)
{
	*pace = (struct pace){.pairs = active / 2, .period_ns = 1e9 / rate};
	begin(active, on_paced);
	pace_now = pace;
	outcome.sent = outcome.got = 0;
	pace->begin = now_ns() + 1000000u;
	pace->until = pace->begin + (uint64_t)(seconds * 1e9);
	latency_reset();
}

bool pace_send(struct pace *pace)
{
	uint64_t now = now_ns();

	for (;; pace->next++) {
		uint64_t due = pace->begin + (uint64_t)((double)pace->next * pace->period_ns);

		if (due >= pace->until)
			return false;
		if (due > now)
			return true;
		send_message(&clients[2 * (pace->next % pace->pairs)], (uint32_t)(2 * (pace->next % pace->pairs) + 1));
	}
}

void pace_end(const struct pace *pace)
{
	(void)pace;
	wait_for_all(10);
}

void step_paced(uint32_t rate)
{
	struct pace pace;

	if (rate == 0 || load.active < 2)
		die("paced needs a rate and two sessions");
	pace_begin(&pace, load.active, rate, load.span);
	while (pace_send(&pace))
		turn(0);
	pace_end(&pace);
}

/* ---- one to many ---- */

static void on_copy(struct client *client)
{
	size_t at = 0;
	uint64_t id;

	while (next_stanza(client, &at, "<message", "</message>", &id)) {
		outcome.got++;
		client->got++;
	}
	client_take(client, at);
}

/* Session 0 sends a message to each of `targets` others, and again when all have come. */
void step_fanout(uint32_t targets)
{
	uint64_t until = deadline(load.span);

	if (targets >= load.sessions)
		die("fanout needs more sessions than targets");
	begin(load.sessions, on_copy);
	while (now_ns() < until && outcome.sent < load.count) {
		uint64_t from = now_ns();

		for (uint32_t i = 1; i <= targets; i++)
			send_message(&clients[0], i);
		wait_for_all(load.seconds);
		if (outcome.lost)
			return;
		latency_add(from);
	}
}

/* The last session sends a message to each of the others, all at once. */
void step_wake(uint32_t ignored)
{
	struct client *sender = &clients[load.sessions - 1];
	uint64_t from;

	(void)ignored;
	begin(load.sessions, on_copy);
	from = now_ns();
	for (uint32_t i = 0; i + 1 < load.sessions; i++)
		send_message(sender, i);
	wait_for_all(load.seconds);
	outcome.seconds = (double)(now_ns() - from) / 1e9;
	outcome.lost = 0;
	for (uint32_t i = 0; i + 1 < load.sessions; i++) {
		outcome.lost += clients[i].got == 0;
		outcome.doubled += clients[i].got > 1;
	}
}
