/* SPDX-License-Identifier: MIT */
/*
 * traffic: clients that exchange stanzas as fast as they go while something else changes the server, and that count every stanza by its id.
 *
 *   traffic --port 5222 --sessions 100 [--churn 4] [--boxes 4] [--flight 4]
 *
 * Sessions are user0@localhost, user1@localhost ... in pairs; each has `flight` stanzas under way: messages and directed presence to its partner (which must
 * arrive in order), and requests (ping, roster, disco, version, time) that must be answered once. Now and then one writes to box0, box1 ..., which are not online.
 * churn0, churn1 ... log in and out all the time, every other one with STARTTLS. All passwords are "password".
 *
 * Standard input takes lines: "pause" (nothing new is sent; "paused" when nothing is under way), "resume", "finish" (pause, let the boxes log in and
 * count what was kept for them, end). Each is answered by one line, the word and a JSON object. What is wrong with the traffic is in there: the exit code is 0.
 */
#include "bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SESSIONS_MAX = 1000, RING = 1024, CHURN_MAX = 64, BOXES_MAX = 64, BOXED_MAX = 1 << 20, LOGIN_SECONDS = 300, QUIET_SECONDS = 30 };

struct session {
	struct client client;
	uint32_t index;
	uint32_t turn;                       /* for the choice of the next stanza */
	uint32_t under_way;
	uint64_t messages, presences;        /* sent: the ids of the next */
	uint64_t next_message, next_presence; /* from the partner: the ids that must come next */
	uint64_t requests;
	bool asked[RING];                    /* request id % RING: not answered yet */
};

static struct {
	int port;
	uint32_t sessions, churn, boxes, flight;
	struct client_options plain, starttls;
} options = {.sessions = 100, .churn = 4, .boxes = 4, .flight = 4};

static struct session *sessions;
static struct client churners[CHURN_MAX], boxes[BOXES_MAX];
static uint8_t *boxed; /* by id: times it arrived */
static uint64_t boxed_count, collected;
static uint64_t sent, received, lost, doubled, errors, dropped, logins, failed_logins;
static bool paused = true, churning;
static char why[512];

static void die(const char *what)
{
	fprintf(stderr, "traffic: %s\n", what);
	exit(1);
}

static void complain(const char *what, const char *text, size_t len)
{
	if (!why[0])
		snprintf(why, sizeof(why), "%s: %.*s", what, (int)(len < 300 ? len : 300), text);
}

/* ---- sending ---- */

__attribute__((format(printf, 2, 3))) static void say(struct client *client, const char *format, ...)
{
	char text[1024];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len >= (int)sizeof(text))
		die("a stanza is too long");
	client_send(client, text, (size_t)len);
	sent++;
}

static void ask(struct session *s, const char *type, const char *payload)
{
	uint64_t id = s->requests;

	/* Nobody has that many under way. */
	if (s->asked[id % RING])
		die("too many requests under way");
	s->asked[id % RING] = true;
	s->requests++;
	s->under_way++;
	say(&s->client, "<iq type='%s' id='i%lu'%s>%s</iq>", type, id, strstr(payload, "roster") ? "" : " to='localhost'", payload);
}

static void send_request(struct session *s, uint32_t which)
{
	char item[256];

	switch (which) {
	case 0:
		snprintf(item, sizeof(item), "<query xmlns='jabber:iq:roster'><item jid='friend@example.org' name='%010u'/></query>", s->turn);
		ask(s, "set", item);
		return;
	case 1: ask(s, "get", "<query xmlns='jabber:iq:roster'/>"); return;
	case 2: ask(s, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"); return;
	case 3: ask(s, "get", "<query xmlns='jabber:iq:version'/>"); return;
	case 4: ask(s, "get", "<time xmlns='urn:xmpp:time'/>"); return;
	default: ask(s, "get", "<ping xmlns='urn:xmpp:ping'/>");
	}
}

static void send_boxed(struct session *s)
{
	if (boxed_count == BOXED_MAX || options.boxes == 0)
		return;
	say(&s->client, "<message to='box%lu@localhost' id='b%lu' type='chat'><body>for later</body></message>", boxed_count % options.boxes,
	    boxed_count);
	boxed_count++;
}

static void send_next(struct session *s)
{
	uint32_t turn = s->turn++, partner = s->index ^ 1;

	if (paused || s->client.dead)
		return;
	if (turn % 64 == 63)
		send_boxed(s);
	if (turn % 16 == 7) {
		s->under_way++;
		say(&s->client, "<presence to='user%u@localhost/load' id='p%lu'/>", partner, s->presences++);
	} else if (turn % 4 == 3) {
		send_request(s, turn / 4 % 12);
	} else {
		s->under_way++;
		say(&s->client, "<message to='user%u@localhost/load' id='m%lu' type='chat'><body>But soft, what light</body></message>", partner,
		    s->messages++);
	}
}

static void fill(void)
{
	for (uint32_t i = 0; i < options.sessions; i++)
		while (!sessions[i].client.dead && sessions[i].under_way < options.flight)
			send_next(&sessions[i]);
}

/* ---- receiving ---- */

/* The length of the first whole element in the text, 0 if it is not all there. Servers send no comments and no CDATA. */
static size_t element_size(const char *text, size_t len)
{
	int depth = 0;
	size_t at = 0;

	while (at < len) {
		const char *open = memchr(text + at, '<', len - at);
		size_t end;
		char quote = 0;

		if (!open)
			return 0;
		for (end = (size_t)(open - text) + 1; end < len && (quote || text[end] != '>'); end++)
			if (quote ? text[end] == quote : text[end] == '"' || text[end] == '\'')
				quote = quote ? 0 : text[end];
		if (end == len)
			return 0;
		if (open[1] == '/')
			depth--;
		else if (text[end - 1] != '/')
			depth++;
		at = end + 1;
		if (depth <= 0)
			return at;
	}
	return 0;
}

/* The value of an attribute of the first tag; what follows it is not looked at. */
static const char *attribute(const char *text, size_t len, const char *name)
{
	const char *end = memchr(text, '>', len), *at = text;
	size_t size = strlen(name);

	while (end && (at = memchr(at, ' ', (size_t)(end - at)))) {
		at++;
		if ((size_t)(end - at) > size + 2 && memcmp(at, name, size) == 0 && at[size] == '=')
			return at + size + 2;
	}
	return "";
}

static struct session *partner_of(const struct session *s)
{
	return &sessions[s->index ^ 1];
}

static void arrived(struct session *from)
{
	received++;
	from->under_way--;
	send_next(from);
}

static void in_order(struct session *s, uint64_t id, uint64_t *next, const char *text, size_t len)
{
	if (id < *next) {
		doubled++;
		complain("came twice or late", text, len);
		return;
	}
	if (id > *next) {
		lost += id - *next;
		partner_of(s)->under_way -= (uint32_t)(id - *next);
		complain("one before is missing", text, len);
	}
	*next = id + 1;
	arrived(partner_of(s));
}

static void answered(struct session *s, uint64_t id, const char *text, size_t len)
{
	if (id >= s->requests || !s->asked[id % RING]) {
		doubled++;
		complain("answered twice", text, len);
		return;
	}
	s->asked[id % RING] = false;
	arrived(s);
}

static void on_element(struct session *s, const char *text, size_t len)
{
	const char *type = attribute(text, len, "type"), *id = attribute(text, len, "id");
	uint64_t number = *id ? strtoull(id + 1, NULL, 10) : 0;

	if (strncmp(type, "error", 5) == 0) {
		errors++;
		complain("error", text, len);
		if (*id == 'i')
			answered(s, number, text, len);
	} else if (strncmp(text, "<message", 8) == 0 && *id == 'm') {
		in_order(s, number, &s->next_message, text, len);
	} else if (strncmp(text, "<presence", 9) == 0 && *id == 'p') {
		in_order(s, number, &s->next_presence, text, len);
	} else if (strncmp(text, "<iq", 3) == 0 && *id == 'i' && strncmp(type, "result", 6) == 0) {
		answered(s, number, text, len);
	} else if (strncmp(text, "<message", 8) == 0 || strncmp(text, "<stream", 7) == 0 || strncmp(text, "</", 2) == 0) {
		errors++;
		complain("not expected", text, len);
	}
}

static void on_session(struct client *client)
{
	struct session *s = (struct session *)(void *)client;
	size_t at = 0, size;

	while (!client->dead && (size = element_size(client->in + at, client->in_len - at)) > 0) {
		on_element(s, client->in + at, size);
		at += size;
	}
	if (!client->dead)
		client_take(client, at);
}

static void on_box(struct client *client)
{
	size_t at = 0, size;

	while ((size = element_size(client->in + at, client->in_len - at)) > 0) {
		const char *text = client->in + at, *id = attribute(text, size, "id");

		at += size;
		if (strncmp(text, "<message", 8) != 0)
			continue;
		uint64_t number = *id == 'b' ? strtoull(id + 1, NULL, 10) : BOXED_MAX;

		if (number >= boxed_count || boxed[number]++ > 0) {
			doubled++;
			complain("kept twice, or nobody sent it", text, size);
		} else {
			collected++;
		}
	}
	client_take(client, at);
}

/* ---- logging in and out ---- */

static void log_in(struct client *client, const struct client_options *with, const char *prefix, uint32_t index)
{
	char user[32];

	snprintf(user, sizeof(user), "%s%u", prefix, index);
	if (!client_start(client, with, user))
		die(strerror(errno));
}

static void log_in_all(void)
{
	uint64_t until = now_ns() + (uint64_t)LOGIN_SECONDS * 1000000000u;
	uint32_t started = 0;

	while (clients_ready < options.sessions) {
		while (started < options.sessions && started - clients_ready < 16) {
			sessions[started].index = started;
			sessions[started].client.received = on_session;
			log_in(&sessions[started].client, &options.plain, "user", started);
			started++;
		}
		clients_turn(20);
		if (clients_failed || now_ns() > until)
			die(clients_failed ? clients_why : "the logins take too long");
	}
}

static void churn(void)
{
	for (uint32_t i = 0; i < options.churn; i++) {
		struct client *client = &churners[i];

		if (client->state == CLIENT_FAILED) {
			failed_logins++;
			complain("login", clients_why, strlen(clients_why));
		} else if (client->state == CLIENT_READY) {
			/* One turn more, in which its presence is sent. */
			if (client->got++ == 0)
				continue;
			logins++;
		} else if (client->state != CLIENT_IDLE) {
			continue;
		}
		if (client->state != CLIENT_IDLE)
			client_close(client);
		memset(client, 0, sizeof(*client));
		if (churning)
			log_in(client, i & 1 ? &options.starttls : &options.plain, "churn", i);
	}
}

static bool is_quiet(void)
{
	for (uint32_t i = 0; i < options.churn; i++)
		if (churners[i].state != CLIENT_IDLE)
			return false;
	for (uint32_t i = 0; i < options.sessions; i++)
		if (sessions[i].under_way && !sessions[i].client.dead)
			return false;
	return true;
}

static void turn(int ms)
{
	clients_turn(ms);
	churn();
}

static void count_dropped(void)
{
	dropped = 0;
	for (uint32_t i = 0; i < options.sessions; i++)
		dropped += sessions[i].client.dead;
	if (dropped)
		complain("session", clients_why, strlen(clients_why));
}

static void pause_traffic(void)
{
	uint64_t until = now_ns() + (uint64_t)QUIET_SECONDS * 1000000000u;

	paused = true;
	churning = false;
	while (!is_quiet() && now_ns() < until)
		turn(20);
	for (uint32_t i = 0; i < options.sessions; i++) {
		lost += sessions[i].under_way;
		sessions[i].under_way = 0;
	}
}

static void collect(void)
{
	uint64_t before = UINT64_MAX, quiet = now_ns();

	for (uint32_t i = 0; i < options.boxes; i++) {
		boxes[i].received = on_box;
		log_in(&boxes[i], &options.plain, "box", i);
	}
	while (collected < boxed_count && now_ns() - quiet < (uint64_t)QUIET_SECONDS * 1000000000u) {
		turn(50);
		if (collected != before)
			quiet = now_ns();
		before = collected;
	}
	/* What comes twice comes late. */
	for (quiet = now_ns(); now_ns() - quiet < 200000000u;)
		turn(50);
	lost += boxed_count - collected;
	for (uint32_t i = 0; i < options.boxes; i++) {
		if (boxes[i].state == CLIENT_FAILED)
			complain("box", clients_why, strlen(clients_why));
		client_close(&boxes[i]);
	}
}

/* ---- the commands ---- */

static void print_json_text(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar((unsigned char)*text < ' ' ? ' ' : *text);
	putchar('"');
}

static void report(const char *word)
{
	count_dropped();
	printf("%s {\"sent\": %lu, \"received\": %lu, \"lost\": %lu, \"doubled\": %lu, \"errors\": %lu, \"dropped\": %lu, \"logins\": %lu, "
	       "\"failed_logins\": %lu, \"boxed\": %lu, \"collected\": %lu, \"why\": ",
	       word, sent, received, lost, doubled, errors, dropped, logins, failed_logins, boxed_count, collected);
	print_json_text(why);
	printf("}\n");
	fflush(stdout);
}

/* False at the end. */
static bool obey(void)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[64];

	if (poll(&input, 1, 0) <= 0)
		return true;
	/* Whoever commands writes a line and waits for its answer. */
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	if (strcmp(line, "pause") == 0) {
		pause_traffic();
		report("paused");
	} else if (strcmp(line, "resume") == 0) {
		paused = false;
		churning = true;
		fill();
		report("resumed");
	} else if (strcmp(line, "finish") == 0) {
		pause_traffic();
		collect();
		report("finished");
		return false;
	} else {
		die("the commands are pause, resume, finish");
	}
	return true;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{"port", 1, NULL, 'p'}, {"sessions", 1, NULL, 's'}, {"churn", 1, NULL, 'c'}, {"boxes", 1, NULL, 'b'}, {"flight", 1, NULL, 'f'}, {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		unsigned long value = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (option) {
		case 'p': options.port = (int)value; break;
		case 's': options.sessions = (uint32_t)value; break;
		case 'c': options.churn = (uint32_t)value; break;
		case 'b': options.boxes = (uint32_t)value; break;
		case 'f': options.flight = (uint32_t)value; break;
		default: die("see the head of tests/reload/traffic.c for the options");
		}
	}
	if (options.sessions == 0 || options.sessions > SESSIONS_MAX || options.sessions % 2 || options.churn > CHURN_MAX || options.boxes > BOXES_MAX ||
	    options.flight == 0 || options.flight > RING / 2)
		die("an even number of at most 1000 sessions, at most 64 of the others, at most 512 in flight");
}

int main(int argc, char **argv)
{
	struct sockaddr_in *address = (struct sockaddr_in *)&options.plain.address;
	struct client_options *plain = &options.plain;

	parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	address->sin_family = AF_INET;
	address->sin_port = htons((uint16_t)options.port);
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	plain->address_len = sizeof(*address);
	plain->domain = "localhost";
	plain->password = "password";
	plain->mechanism = "SCRAM-SHA-1";
	plain->presence = true;
	plain->ssl = SSL_CTX_new(TLS_client_method());
	options.starttls = *plain;
	options.starttls.tls = CLIENT_STARTTLS;
	sessions = calloc(options.sessions, sizeof(*sessions));
	boxed = calloc(BOXED_MAX, 1);
	if (!sessions || !boxed || clients_init() < 0)
		die(strerror(errno));
	log_in_all();
	report("ready");
	while (obey())
		turn(10);
	for (uint32_t i = 0; i < options.sessions; i++)
		client_close(&sessions[i].client);
	SSL_CTX_free(plain->ssl);
	free(sessions);
	free(boxed);
	return 0;
}
