/* SPDX-License-Identifier: MIT */
/*
 * load: puts a server under a bounded, counted load and prints what it cost: the server's CPU time and resident memory (of its process tree, from
 * /proc), rates and latencies. Stanzas are counted by id: lost and doubled ones are found. One JSON object on the last line.
 *
 *   load --port 5222 --sessions 400 --scenario pairs --flight 8 --count 200000 --pid PID
 *
 * Accounts are load0@DOMAIN, load1@DOMAIN ... with one password. Only addresses of this machine are accepted.
 */
#include "client.h"
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { CLIQUE = 51, LOGINS_AT_ONCE = 64, MESSAGE_MAX = 4096, LATENCIES_MAX = 4000000 };

static struct {
	const char *scenario, *prefix;
	uint32_t sessions, flight, body;
	uint64_t count;
	int port, pid, seconds;
	const char *tls;
	struct client_options client;
} load = {
	.scenario = "idle",
	.prefix = "load",
	.sessions = 100,
	.flight = 1,
	.body = 200,
	.count = 100000,
	.port = 5222,
	.seconds = 60,
	.tls = "plain",
	.client = {.domain = "localhost", .password = "secret", .mechanism = "SCRAM-SHA-1"},
};

static struct client *clients;
static uint64_t sent, got, doubled, lost;
static uint32_t synced;
static uint32_t *latencies; /* microseconds */
static size_t latency_count;
static char padding[MESSAGE_MAX];

static void die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(1);
}

/* ---- logging in ---- */

static void start_one(uint32_t index)
{
	char user[64];

	snprintf(user, sizeof user, "%s%u", load.prefix, index);
	clients[index].index = index;
	if (!client_start(&clients[index], &load.client, user))
		die(clients_why[0] ? clients_why : strerror(errno));
}

static void login_all(void)
{
	uint32_t started = 0;
	uint64_t until = now_ns() + (uint64_t)load.seconds * 10u * 1000000000u;

	while (clients_ready < load.sessions) {
		while (started < load.sessions && started - clients_ready < LOGINS_AT_ONCE)
			start_one(started++);
		clients_turn(100);
		if (clients_failed)
			die(clients_why);
		if (now_ns() > until)
			die("the logins take too long");
	}
}

/* ---- messages and pings ---- */

static void send_next(struct client *client)
{
	char text[MESSAGE_MAX + 512];
	bool ping = load.scenario[0] == 'p' && load.scenario[1] == 'i';
	int len;

	if (sent >= load.count)
		return;
	if (ping)
		len = snprintf(text, sizeof text, "<iq type='get' id='p%lu' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", client->sent,
			       load.client.domain);
	else
		len = snprintf(text, sizeof text,
			       "<message to='%s%u@%s/load' id='m%lu' type='chat'><body>%.*s &amp; so on</body>"
			       "<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>"
			       "<origin-id xmlns='urn:xmpp:sid:0' id='m%lu'/></message>",
			       load.prefix, client->peer, load.client.domain, client->sent, (int)load.body, padding, client->sent);
	client->stamps[client->sent % 64] = now_ns();
	client->sent++;
	sent++;
	client_send(client, text, (size_t)len);
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

static void took(struct client *sender, uint64_t id)
{
	if (latencies && latency_count < LATENCIES_MAX && id < sender->sent && sender->sent - id <= 64)
		latencies[latency_count++] = (uint32_t)((now_ns() - sender->stamps[id % 64]) / 1000);
}

static void on_message(struct client *client)
{
	struct client *sender = &clients[client->peer];
	size_t at = 0;
	uint64_t id;

	while (next_stanza(client, &at, "<message", "</message>", &id)) {
		if (id == client->expected)
			client->expected++;
		else if (id < client->expected)
			doubled++;
		else {
			lost += id - client->expected;
			client->expected = id + 1;
		}
		got++;
		took(sender, id);
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
		took(client, client->got);
		client->got++;
		got++;
		send_next(client);
	}
	if (at == 0 && client->in_len > 2048)
		at = client->in_len - 64;
	client_take(client, at);
}

static void run_flights(void)
{
	uint64_t until = now_ns() + (uint64_t)load.seconds * 1000000000u;
	bool pairs = strcmp(load.scenario, "pairs") == 0;

	latencies = calloc(LATENCIES_MAX, sizeof *latencies);
	for (uint32_t i = 0; i < load.sessions; i++) {
		clients[i].peer = i ^ 1;
		clients[i].received = pairs ? on_message : on_pong;
	}
	for (uint32_t i = 0; i < load.sessions; i += pairs ? 2 : 1)
		for (uint32_t f = 0; f < load.flight; f++)
			send_next(&clients[i]);
	while (got < sent && now_ns() < until) {
		clients_turn(100);
		if (clients_failed)
			die(clients_why);
	}
	if (got < sent)
		lost += sent - got;
}

/* ---- presence: everybody is subscribed to everybody in cliques of 51 ---- */

/* Counts what begins in the text that has come, and keeps the end, where another may have begun. */
static void on_presence(struct client *client)
{
	static const char *const marks[] = {"<presence", "id='sync'", "id=\"sync\""};
	size_t len = strlen(marks[0]), at = 0;

	for (; at + len <= client->in_len; at++) {
		const char *here = client->in + at;

		if (*here != '<' && *here != 'i')
			continue;
		got += memcmp(here, marks[0], len) == 0;
		synced += memcmp(here, marks[1], len) == 0 || memcmp(here, marks[2], len) == 0;
	}
	client_take(client, at);
}

/* Until the server has gone through all that was sent to it (each session's answer comes behind its stanzas), and nothing has come for half a second. */
static void until_quiet(void)
{
	uint64_t until = now_ns() + (uint64_t)load.seconds * 1000000000u, quiet, before;

	synced = 0;
	for (uint32_t i = 0; i < load.sessions; i++) {
		char text[128];
		int len = snprintf(text, sizeof text, "<iq type='get' id='sync' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", load.client.domain);

		client_send(&clients[i], text, (size_t)len);
	}
	while (synced < load.sessions && now_ns() < until)
		clients_turn(50);
	if (synced < load.sessions)
		die("the server does not answer in time");
	quiet = now_ns();
	for (before = got; now_ns() - quiet < 500000000u;) {
		clients_turn(50);
		if (got != before) {
			quiet = now_ns();
			before = got;
		}
	}
}

/* Everybody subscribes to everybody of the clique, so that no server needs its rosters made in its own way. */
static void make_cliques(void)
{
	for (uint32_t i = 0; i < load.sessions; i++)
		clients[i].received = on_presence;
	for (uint32_t i = 0; i < load.sessions; i++) {
		uint32_t first = i / CLIQUE * CLIQUE;

		for (uint32_t other = first; other < first + CLIQUE && other < load.sessions; other++) {
			char text[256];
			int len;

			if (other == i)
				continue;
			len = snprintf(text, sizeof text, "<presence to='%s%u@%s' type='subscribed'/><presence to='%s%u@%s' type='subscribe'/>",
				       load.prefix, other, load.client.domain, load.prefix, other, load.client.domain);
			client_send(&clients[i], text, (size_t)len);
		}
		clients_turn(0);
	}
	until_quiet();
	/* A request that crossed its answer is answered once more: not every server keeps an answer that came before the question. */
	for (uint32_t i = 0; i < load.sessions; i++) {
		uint32_t first = i / CLIQUE * CLIQUE;

		for (uint32_t other = first; other < first + CLIQUE && other < load.sessions; other++) {
			char text[128];
			int len = snprintf(text, sizeof text, "<presence to='%s%u@%s' type='subscribed'/>", load.prefix, other, load.client.domain);

			if (other != i)
				client_send(&clients[i], text, (size_t)len);
		}
		clients_turn(0);
	}
	until_quiet();
	got = 0;
}

static void run_presence(void)
{
	uint32_t rounds = (uint32_t)(load.count / load.sessions);
	uint64_t copies = 0, own;

	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < load.sessions; i++) {
			char text[128];
			int len = snprintf(text, sizeof text, "<presence><show>%s</show><status>%u</status></presence>", round & 1 ? "away" : "dnd", round);

			client_send(&clients[i], text, (size_t)len);
			sent++;
		}
		clients_turn(0);
	}
	until_quiet();
	/* A copy to each of the others, and one to the sender, which not every server sends. */
	for (uint32_t i = 0; i < load.sessions; i++) {
		uint32_t first = i / CLIQUE * CLIQUE;

		copies += (first + CLIQUE < load.sessions ? CLIQUE : load.sessions - first) * (uint64_t)rounds;
	}
	own = (uint64_t)rounds * load.sessions;
	lost = copies - own > got ? copies - own - got : 0;
	doubled = got > copies ? got - copies : 0;
}

/* ---- the whole ---- */

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t percentile(double p)
{
	return latency_count ? latencies[(size_t)((double)(latency_count - 1) * p)] : 0;
}

static void print_result(const struct measure *before, const struct measure *after, double seconds, double login_cpu, double login_seconds)
{
	double cpu = after->cpu_seconds - before->cpu_seconds;
	uint64_t units = got ? got : load.sessions;

	if (latency_count)
		qsort(latencies, latency_count, sizeof *latencies, by_size);
	printf("{\"scenario\": \"%s\", \"tls\": \"%s\", \"sessions\": %u, \"flight\": %u, \"sent\": %lu, \"received\": %lu, \"lost\": %lu, "
	       "\"doubled\": %lu, \"seconds\": %.3f, \"rate\": %.0f, \"cpu_us_each\": %.3f, \"login_cpu_us\": %.1f, \"logins_per_s\": %.0f, "
	       "\"rss_kib\": %ld, \"p50_us\": %u, \"p99_us\": %u, \"p999_us\": %u}\n",
	       load.scenario, load.tls, load.sessions, load.flight, sent, got, lost, doubled, seconds, got / seconds, cpu * 1e6 / (double)units,
	       login_cpu * 1e6 / load.sessions, load.sessions / login_seconds, after->rss_kib, percentile(0.5), percentile(0.99), percentile(0.999));
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", 1, NULL, 'p'},	   {"sessions", 1, NULL, 'n'}, {"scenario", 1, NULL, 's'}, {"flight", 1, NULL, 'f'},
		{"count", 1, NULL, 'c'},   {"pid", 1, NULL, 'i'},      {"seconds", 1, NULL, 't'},  {"tls", 1, NULL, 'T'},
		{"domain", 1, NULL, 'd'},  {"password", 1, NULL, 'w'}, {"sasl", 1, NULL, 'm'},	   {"prefix", 1, NULL, 'u'},
		{"body", 1, NULL, 'b'},	   {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p': load.port = (int)strtol(optarg, NULL, 10); break;
		case 'n': load.sessions = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 's': load.scenario = optarg; break;
		case 'f': load.flight = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'c': load.count = strtoull(optarg, NULL, 10); break;
		case 'i': load.pid = (int)strtol(optarg, NULL, 10); break;
		case 't': load.seconds = (int)strtol(optarg, NULL, 10); break;
		case 'T': load.tls = optarg; break;
		case 'd': load.client.domain = optarg; break;
		case 'w': load.client.password = optarg; break;
		case 'm': load.client.mechanism = optarg; break;
		case 'u': load.prefix = optarg; break;
		case 'b': load.body = (uint32_t)strtoul(optarg, NULL, 10); break;
		default: die("see the head of bench/load.c for the options");
		}
	}
	if (load.flight > 64 || load.body > MESSAGE_MAX || load.sessions == 0)
		die("at most 64 in flight, 4096 bytes of body, and one session at least");
	load.client.tls = strcmp(load.tls, "starttls") == 0 ? CLIENT_STARTTLS : strcmp(load.tls, "direct") == 0 ? CLIENT_DIRECT : CLIENT_PLAIN;
}

int main(int argc, char **argv)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&load.client.address;
	struct rlimit files = {0};
	struct measure start, logged, before, after;
	uint64_t began, logged_in;

	parse(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	memset(padding, 'x', sizeof padding);
	address->sin_family = AF_INET;
	address->sin_port = htons((uint16_t)load.port);
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	load.client.address_len = sizeof *address;
	load.client.presence = true;
	load.client.ssl = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_alpn_protos(load.client.ssl, (const unsigned char *)"\013xmpp-client", 12);
	SSL_CTX_set_mode(load.client.ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	clients = calloc(load.sessions, sizeof *clients);
	if (clients_init() < 0 || !clients)
		die(strerror(errno));
	measure_take(&start, load.pid);
	began = now_ns();
	login_all();
	logged_in = now_ns();
	for (uint64_t until = now_ns() + 1000000000u; now_ns() < until;)
		clients_turn(50);
	if (strcmp(load.scenario, "presence") == 0) {
		measure_take(&logged, load.pid);
		make_cliques();
	}
	measure_take(&before, load.pid);
	if (strcmp(load.scenario, "presence") != 0)
		logged = before;
	if (strcmp(load.scenario, "pairs") == 0 || strcmp(load.scenario, "ping") == 0)
		run_flights();
	else if (strcmp(load.scenario, "presence") == 0)
		run_presence();
	else if (strcmp(load.scenario, "idle") != 0)
		die("scenarios: idle, pairs, ping, presence");
	measure_take(&after, load.pid);
	print_result(&before, &after, (double)(now_ns() - logged_in) / 1e9 - 1.0, logged.cpu_seconds - start.cpu_seconds,
		     (double)(logged_in - began) / 1e9);
	for (uint32_t i = 0; i < load.sessions; i++)
		client_close(&clients[i]);
	SSL_CTX_free(load.client.ssl);
	free(clients);
	free(latencies);
	return lost || doubled ? 1 : 0;
}
