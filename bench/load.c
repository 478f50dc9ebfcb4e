/* SPDX-License-Identifier: MIT */
/*
 * load: puts a server under a bounded, counted load and prints what it cost: the server's CPU time and resident memory (of its process tree, from
 * /proc), rates and latencies. Stanzas are counted by id: lost and doubled ones are found. One JSON object a line, one line a step.
 *
 *   load --port 5222 --sessions 400 --steps pairs:8,ping:4 --count 200000 --pid PID
 *
 * Steps: idle:N pairs:FLIGHT ping:FLIGHT paced:RATE fanout:TARGETS wake flood:QUIET slow:MEGABYTES cliques presence:ROUNDS broadcast offline:EACH roster:ITEMS
 * first storm cycles:N. Accounts are load0@DOMAIN, load1@DOMAIN ... with one password. Only 127.0.0.1 is spoken to. The exit code is 1 when something was lost or came
 * twice.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct load load = {
	.steps = "idle",
	.prefix = "load",
	.sessions = 100,
	.stride = 1,
	.at_once = 64,
	.addresses = 1,
	.body = 200,
	.count = UINT64_MAX,
	.span = 2,
	.rate = 1000,
	.port = 5222,
	.seconds = 60,
	.tls = "plain",
	.client = {.domain = "localhost", .password = "secret", .mechanism = "SCRAM-SHA-1", .presence = true},
};
struct client *clients;
struct outcome outcome;
char padding[MESSAGE_MAX];
static uint32_t synced;

static const struct step {
	const char *name;
	uint32_t number;
	void (*run)(uint32_t number);
	bool logs_in; /* by itself */
} steps[] = {
	{"idle", 0, step_idle, true},	   {"pairs", 1, step_pairs, false},    {"ping", 1, step_ping, false},
	{"paced", 1000, step_paced, false}, {"fanout", 50, step_fanout, false}, {"wake", 0, step_wake, false},
	{"flood", 98, step_flood, false}, {"slow", 16, step_slow, false},     {"cliques", 0, step_cliques, false},
	{"presence", 20, step_presence, false}, {"broadcast", 0, step_broadcast, false}, {"offline", 50, step_offline, false},
	{"roster", 2000, step_roster, true}, {"first", 0, step_first, true},
	{"storm", 0, step_storm, false},	   {"cycles", 10, step_cycles, true},
};

void die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(2);
}

void report(const char *format, ...)
{
	size_t len = strlen(outcome.more);
	va_list args;

	va_start(args, format);
	vsnprintf(outcome.more + len, sizeof(outcome.more) - len, format, args);
	va_end(args);
}

void turn(int ms)
{
	clients_turn(ms);
	if (clients_failed)
		die(clients_why);
}

uint32_t account_of(uint32_t session)
{
	uint64_t number = ((uint64_t)load.offset + session) * load.stride;

	return (uint32_t)(load.among ? number % load.among : number);
}

uint64_t deadline(double seconds)
{
	return now_ns() + (uint64_t)(seconds * 1e9);
}

void tell(struct client *client, const char *format, ...)
{
	char text[MESSAGE_MAX + 1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	client_send(client, text, (size_t)len);
}

/* ---- the server has gone through everything ---- */

void see_syncs(const struct client *client)
{
	static const char *const marks[] = {"id='sync'", "id=\"sync\""};

	for (size_t at = 0; at < client->in_len; at++)
		for (int i = 0; i < 2 && client->in[at] == 'i'; i++)
			synced += client->in_len - at >= 9 && memcmp(client->in + at, marks[i], 9) == 0;
}

void until_quiet(uint32_t first, uint32_t count, double quiet)
{
	uint64_t until = deadline(load.seconds), still, before;

	synced = 0;
	for (uint32_t i = first; i < first + count; i++)
		tell(&clients[i], "<iq type='get' id='sync' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", load.client.domain);
	while (synced < count && now_ns() < until)
		turn(50);
	if (synced < count)
		die("the server does not answer in time");
	still = deadline(quiet);
	for (before = outcome.got; now_ns() < still;) {
		turn(10);
		if (outcome.got != before) {
			still = deadline(quiet);
			before = outcome.got;
		}
	}
}

/* ---- options and steps ---- */

static const struct step *find_step(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strlen(steps[i].name) == len && memcmp(steps[i].name, word, len) == 0)
			return &steps[i];
	fprintf(stderr, "load: no step \"%.*s\"; there are", (int)len, word);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		fprintf(stderr, " %s", steps[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

static bool run_step(const char *word)
{
	size_t len = strcspn(word, ":,");
	const struct step *step = find_step(word, len);
	uint32_t number = word[len] == ':' ? (uint32_t)strtoul(word + len + 1, NULL, 10) : step->number;
	struct measure before, after;
	uint64_t began;

	outcome = (struct outcome){0};
	latency_reset();
	measure_take(&before, load.pid);
	began = now_ns();
	step->run(number);
	if (outcome.seconds <= 0)
		outcome.seconds = (double)(now_ns() - began) / 1e9;
	measure_take(&after, load.pid);
	printf("{\"step\": \"%.*s\", \"number\": %u, \"tls\": \"%s\", \"sessions\": %u, \"sent\": %lu, \"received\": %lu, \"lost\": %lu, \"doubled\": %lu, "
	       "\"seconds\": %.3f, \"rate\": %.1f, \"cpu_s\": %.4f, \"rss_kib\": %ld, \"rss_before_kib\": %ld",
	       (int)len, word, number, load.tls, load.sessions, outcome.sent, outcome.got, outcome.lost, outcome.doubled, outcome.seconds,
	       (double)outcome.got / outcome.seconds, after.cpu_seconds - before.cpu_seconds, after.rss_kib, before.rss_kib);
	if (outcome.got)
		printf(", \"cpu_us_each\": %.3f", (after.cpu_seconds - before.cpu_seconds) * 1e6 / (double)outcome.got);
	if (latency_count())
		printf(", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f", latency_percentile(0.5), latency_percentile(0.99),
		       latency_percentile(0.999), latency_percentile(1));
	printf("%s}\n", outcome.more);
	fflush(stdout);
	return !outcome.lost && !outcome.doubled;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", 1, NULL, 'p'},	    {"sessions", 1, NULL, 'n'}, {"steps", 1, NULL, 's'},  {"active", 1, NULL, 'a'}, {"extra", 1, NULL, 'e'},
		{"stride", 1, NULL, 'S'},   {"offset", 1, NULL, 'O'},	{"among", 1, NULL, 'M'},   {"at-once", 1, NULL, 'o'},	{"count", 1, NULL, 'c'},  {"for", 1, NULL, 'f'},    {"rate", 1, NULL, 'r'},
		{"pid", 1, NULL, 'i'},	    {"seconds", 1, NULL, 't'},	{"tls", 1, NULL, 'T'},	  {"domain", 1, NULL, 'd'}, {"password", 1, NULL, 'w'},
		{"sasl", 1, NULL, 'm'},	    {"prefix", 1, NULL, 'u'},	{"body", 1, NULL, 'b'},	  {"addresses", 1, NULL, 'A'},
		{"personal", 0, NULL, 'P'}, {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p': load.port = (int)strtol(optarg, NULL, 10); break;
		case 'n': load.sessions = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 's': load.steps = optarg; break;
		case 'a': load.active = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'e': load.extra = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'S': load.stride = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'O': load.offset = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'M': load.among = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'o': load.at_once = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'P': load.client.personal = true; break;
		case 'A': load.addresses = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 'c': load.count = strtoull(optarg, NULL, 10); break;
		case 'f': load.span = strtod(optarg, NULL); break;
		case 'r': load.rate = strtod(optarg, NULL); break;
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
	if (load.body > MESSAGE_MAX || load.sessions == 0 || load.at_once == 0 || load.stride == 0)
		die("at most 4096 bytes of body, and one session, one login at once and a stride of one at least");
	if (load.addresses == 0 || load.addresses > 60000)
		die("from 1 to 60000 addresses");
	if (load.active == 0 || load.active > load.sessions)
		load.active = load.sessions;
	load.client.tls = strcmp(load.tls, "starttls") == 0 ? CLIENT_STARTTLS : strcmp(load.tls, "direct") == 0 ? CLIENT_DIRECT : CLIENT_PLAIN;
}

int main(int argc, char **argv)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&load.client.address;
	struct rlimit files = {0};
	bool logged_in = false, good = true;

	parse(argc, argv);
	/* A server that has closed: SSL_write() says it, too. */
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	memset(padding, 'x', sizeof padding);
	address->sin_family = AF_INET;
	address->sin_port = htons((uint16_t)load.port);
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	load.client.address_len = sizeof *address;
	load.client.addresses = load.addresses;
	load.client.ssl = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_alpn_protos(load.client.ssl, (const unsigned char *)"\013xmpp-client", 12);
	SSL_CTX_set_mode(load.client.ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	clients = calloc(load.sessions + load.extra, sizeof *clients);
	if (clients_init() < 0 || !clients)
		die(strerror(errno));
	for (uint32_t i = 0; i < load.sessions + load.extra; i++)
		clients[i].dead = true;
	for (const char *word = load.steps; *word; word += strcspn(word, ","), word += *word == ',') {
		if (!logged_in && !find_step(word, strcspn(word, ":,"))->logs_in) {
			log_in(0, load.sessions, load.at_once, false);
			for (uint64_t until = deadline(0.5); now_ns() < until;)
				turn(10);
		}
		logged_in = true;
		good = run_step(word) && good;
	}
	for (uint32_t i = 0; i < load.sessions + load.extra; i++)
		client_close(&clients[i]);
	SSL_CTX_free(load.client.ssl);
	free(clients);
	return good ? 0 : 1;
}
