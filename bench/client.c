/* SPDX-License-Identifier: MIT */
/* A client connection: sockets, TLS, login. */
#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, READ_SIZE = 65536 };

static int epoll = -1;
static struct client **dirty;
static size_t dirty_count, dirty_size;
size_t clients_ready, clients_failed;
char clients_why[256];

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int clients_init(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll;
}

static void fail(struct client *client, const char *why)
{
	if (client->state == CLIENT_READY)
		clients_ready--;
	client->state = client->may_end ? CLIENT_IDLE : CLIENT_FAILED;
	if (client->may_end) {
		client_close(client);
		return;
	}
	clients_failed++;
	snprintf(clients_why, sizeof clients_why, "%s: %s: %.*s", client->user, why, (int)(client->in_len < 160 ? client->in_len : 160),
		 client->in ? client->in : "");
	client_close(client);
}

void client_close(struct client *client)
{
	if (client->dead)
		return;
	client->dead = true;
	if (client->state == CLIENT_READY) {
		clients_ready--;
		client->state = CLIENT_IDLE;
	}
	SSL_free(client->tls);
	client->tls = NULL;
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	free(client->in);
	free(client->out);
	free(client->server_first);
	client->in = client->out = client->server_first = NULL;
	client->in_len = client->in_size = client->out_len = client->out_size = client->out_sent = 0;
}

void client_may_end(struct client *client)
{
	client->may_end = true;
}

void client_deafen(struct client *client)
{
	struct epoll_event event = {.data.ptr = client};

	client->deaf = client->may_end = true;
	epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
}

void client_listen(struct client *client)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};

	client->deaf = false;
	epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
}

/* ---- output ---- */

static void watch(struct client *client, bool writing)
{
	struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = client};

	if (client->writing == writing)
		return;
	client->writing = writing;
	epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event);
}

static void flush(struct client *client)
{
	while (!client->dead && client->out_sent < client->out_len) {
		size_t left = client->out_len - client->out_sent;
		ssize_t sent = client->secured ? SSL_write(client->tls, client->out + client->out_sent, (int)left)
					       : send(client->fd, client->out + client->out_sent, left, MSG_NOSIGNAL);

		if (sent > 0) {
			client->out_sent += (size_t)sent;
			continue;
		}
		if (client->secured ? SSL_get_error(client->tls, (int)sent) == SSL_ERROR_WANT_WRITE : errno == EAGAIN) {
			watch(client, true);
			return;
		}
		fail(client, "cannot write");
		return;
	}
	if (client->dead)
		return;
	client->out_len = client->out_sent = 0;
	watch(client, false);
}

void client_send(struct client *client, const char *bytes, size_t len)
{
	if (client->dead)
		return;
	if (client->out_len + len > client->out_size) {
		client->out_size = (client->out_len + len) * 2;
		client->out = realloc(client->out, client->out_size);
	}
	if (client->out_len == client->out_sent) {
		if (dirty_count == dirty_size) {
			dirty_size = dirty_size ? 2 * dirty_size : 256;
			dirty = realloc(dirty, dirty_size * sizeof(*dirty));
		}
		dirty[dirty_count++] = client;
	}
	memcpy(client->out + client->out_len, bytes, len);
	client->out_len += len;
}

__attribute__((format(printf, 2, 3))) static void say(struct client *client, const char *format, ...)
{
	char text[2048];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	client_send(client, text, (size_t)len);
}

/* ---- SASL ---- */

static void base64(char *out, const void *bytes, size_t size)
{
	EVP_EncodeBlock((unsigned char *)out, bytes, (int)size);
}

static size_t unbase64(char *out, const char *text, size_t len)
{
	int size = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);

	while (size > 0 && len > 0 && text[--len] == '=')
		size--;
	return size > 0 ? (size_t)size : 0;
}

static const EVP_MD *digest_of(const struct client *client)
{
	return strcmp(client->options->mechanism, "SCRAM-SHA-256") == 0 ? EVP_sha256() : EVP_sha1();
}

static void authenticate(struct client *client)
{
	char plain[512], text[1024];
	unsigned char random[16];
	int len;

	if (strcmp(client->options->mechanism, "PLAIN") == 0) {
		len = snprintf(plain, sizeof plain, "%c%s%c%s", 0, client->user, 0, client->options->password);
	} else {
		RAND_bytes(random, sizeof random);
		base64(client->nonce, random, 15);
		len = snprintf(plain, sizeof plain, "n,,n=%s,r=%s", client->user, client->nonce);
	}
	base64(text, plain, (size_t)len);
	say(client, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>%s</auth>", client->options->mechanism, text);
	client->state = strcmp(client->options->mechanism, "PLAIN") == 0 ? CLIENT_SUCCESS : CLIENT_CHALLENGE;
}

/* The last result is kept: where all accounts have one salt, the hashing (1 ms) would bound the logins, not the server. */
static void salt_password(const char *password, const unsigned char *salt, size_t salt_len, int rounds, const EVP_MD *digest, unsigned char salted[64])
{
	static unsigned char last_salt[256], last[64];
	static size_t last_len;
	static int last_rounds;
	static const EVP_MD *last_digest;

	if (last_digest != digest || last_rounds != rounds || last_len != salt_len || memcmp(last_salt, salt, salt_len) != 0) {
		PKCS5_PBKDF2_HMAC(password, -1, salt, (int)salt_len, rounds, digest, EVP_MD_get_size(digest), last);
		memcpy(last_salt, salt, salt_len);
		last_len = salt_len;
		last_rounds = rounds;
		last_digest = digest;
	}
	memcpy(salted, last, 64);
}

static void respond(struct client *client, const char *challenge, size_t len)
{
	const EVP_MD *digest = digest_of(client);
	unsigned char salted[64], key[64], stored[64], signature[64], salt[256];
	char first[1024], message[2048], text[2048], final[1024], proof[128];
	unsigned size = (unsigned)EVP_MD_get_size(digest), done;
	char *nonce, *salt_text, *rounds;
	size_t salt_len;
	int n;

	if (len >= sizeof(first)) {
		fail(client, "long challenge");
		return;
	}
	first[unbase64(first, challenge, len)] = '\0';
	nonce = strstr(first, "r=");
	salt_text = strstr(first, ",s=");
	rounds = strstr(first, ",i=");
	if (!nonce || !salt_text || !rounds) {
		fail(client, "challenge not understood");
		return;
	}
	snprintf(message, sizeof message, "n=%s,r=%s,%s", client->user, client->nonce, first);
	salt_len = unbase64((char *)salt, salt_text + 3, (size_t)(rounds - salt_text - 3));
	salt_password(client->options->password, salt, salt_len, (int)strtol(rounds + 3, NULL, 10), digest, salted);
	snprintf(final, sizeof final, "c=biws,%.*s", (int)(salt_text - nonce), nonce);
	n = (int)strlen(message);
	snprintf(message + n, sizeof(message) - (size_t)n, ",%s", final);
	HMAC(digest, salted, (int)size, (const unsigned char *)"Client Key", 10, key, &done);
	EVP_Digest(key, size, stored, NULL, digest, NULL);
	HMAC(digest, stored, (int)size, (const unsigned char *)message, strlen(message), signature, &done);
	for (unsigned i = 0; i < size; i++)
		key[i] ^= signature[i];
	base64(proof, key, size);
	n = snprintf(message, sizeof message, "%s,p=%s", final, proof);
	base64(text, message, (size_t)n);
	say(client, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>%s</response>", text);
	client->state = CLIENT_SUCCESS;
}

/* ---- following the server ---- */

static void open_stream(struct client *client, enum client_state next)
{
	say(client, "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
	    client->options->domain);
	client->in_len = 0;
	client->state = next;
}

static void start_tls(struct client *client)
{
	client->tls = SSL_new(client->options->ssl);
	SSL_set_fd(client->tls, client->fd);
	SSL_set_tlsext_host_name(client->tls, client->options->domain);
	SSL_set_connect_state(client->tls);
	client->in_len = 0;
	client->state = CLIENT_TLS_HANDSHAKE;
}

static char *find(const struct client *client, const char *what)
{
	return client->in_len ? memmem(client->in, client->in_len, what, strlen(what)) : NULL;
}

static void ready(struct client *client)
{
	client->state = CLIENT_READY;
	client->ready_ns = now_ns();
	client->in_len = 0;
	clients_ready++;
	if (client->options->presence)
		say(client,
		    "<presence><show>away</show><status>Reading: %s</status><priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' "
		    "node='https://client.example.org/' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/><x xmlns='vcard-temp:x:update'><photo>"
		    "01b87fcd030b72895ff8e88db57ec525450f000d</photo></x></presence>",
		    client->options->personal ? client->user : "a play");
}

/* True when something was understood, so that it is worth another look. */
static bool follow(struct client *client)
{
	char *from, *to;

	switch (client->state) {
	case CLIENT_FEATURES:
		if (!find(client, "features>"))
			return false;
		if (client->options->tls == CLIENT_STARTTLS && !client->secured) {
			say(client, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
			client->state = CLIENT_PROCEED;
			client->in_len = 0;
		} else {
			client->in_len = 0;
			authenticate(client);
		}
		return true;
	case CLIENT_PROCEED:
		if (find(client, "<proceed"))
			start_tls(client);
		return false;
	case CLIENT_CHALLENGE:
		from = find(client, "<challenge");
		to = find(client, "</challenge>");
		if (!from || !to) {
			if (find(client, "<failure"))
				fail(client, "authentication");
			return false;
		}
		from = memchr(from, '>', (size_t)(to - from)) ? (char *)memchr(from, '>', (size_t)(to - from)) + 1 : to;
		respond(client, from, (size_t)(to - from));
		client->in_len = 0;
		return true;
	case CLIENT_SUCCESS:
		if (find(client, "<failure"))
			fail(client, "authentication");
		else if (find(client, "<success"))
			open_stream(client, CLIENT_FEATURES_2);
		return false;
	case CLIENT_FEATURES_2:
		if (!find(client, "features>"))
			return false;
		client->in_len = 0;
		say(client, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind></iq>");
		client->state = CLIENT_BIND;
		return true;
	case CLIENT_BIND:
		if (find(client, "type='error'") || find(client, "type=\"error\""))
			fail(client, "bind");
		else if (find(client, "</iq>"))
			ready(client);
		return false;
	default:
		return false;
	}
}

static void handshake(struct client *client)
{
	int result = SSL_do_handshake(client->tls);
	int error = SSL_get_error(client->tls, result);

	if (result == 1) {
		client->secured = true;
		watch(client, false);
		open_stream(client, CLIENT_FEATURES);
	} else if (error == SSL_ERROR_WANT_WRITE) {
		watch(client, true);
	} else if (error != SSL_ERROR_WANT_READ) {
		fail(client, "TLS handshake");
	}
}

static void connected(struct client *client)
{
	int error = 0;
	socklen_t len = sizeof error;

	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		errno = error;
		fail(client, strerror(error));
		return;
	}
	watch(client, false);
	if (client->options->tls == CLIENT_DIRECT) {
		start_tls(client);
		handshake(client);
	} else {
		open_stream(client, CLIENT_FEATURES);
	}
}

void client_take(struct client *client, size_t bytes)
{
	client->in_len -= bytes;
	memmove(client->in, client->in + bytes, client->in_len);
}

static bool read_some(struct client *client)
{
	ssize_t got;

	if (client->in_size - client->in_len < READ_SIZE) {
		client->in_size = client->in_len + READ_SIZE;
		client->in = realloc(client->in, client->in_size);
	}
	got = client->secured ? SSL_read(client->tls, client->in + client->in_len, READ_SIZE)
			      : recv(client->fd, client->in + client->in_len, READ_SIZE, 0);
	if (got > 0) {
		client->in_len += (size_t)got;
		return true;
	}
	if (client->secured ? SSL_get_error(client->tls, (int)got) != SSL_ERROR_WANT_READ : got == 0 || errno != EAGAIN)
		fail(client, "connection ended");
	return false;
}

static void handle(struct client *client, uint32_t events)
{
	if (client->dead)
		return;
	if (client->deaf) {
		client_close(client);
		return;
	}
	if (client->state == CLIENT_CONNECTING) {
		connected(client);
		return;
	}
	if (client->state == CLIENT_TLS_HANDSHAKE) {
		handshake(client);
		return;
	}
	if (events & EPOLLOUT)
		flush(client);
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	while (!client->dead && read_some(client)) {
		while (!client->dead && client->state != CLIENT_READY && follow(client))
			continue;
		if (client->state == CLIENT_READY && client->in_len && client->received)
			client->received(client);
		if (client->state == CLIENT_READY && !client->received)
			client->in_len = 0;
		if (client->state == CLIENT_TLS_HANDSHAKE) {
			handshake(client);
			return;
		}
		if (client->dead || !client->secured || SSL_pending(client->tls) == 0)
			break;
	}
	/* An idle client holds no buffer. */
	if (!client->dead && client->in_len == 0 && client->in) {
		free(client->in);
		client->in = NULL;
		client->in_size = 0;
	}
}

void clients_turn(int ms)
{
	struct epoll_event events[EVENTS];
	size_t count;
	int n;

	count = dirty_count;
	dirty_count = 0;
	for (size_t i = 0; i < count; i++)
		if (!dirty[i]->dead && dirty[i]->state != CLIENT_TLS_HANDSHAKE)
			flush(dirty[i]);
	n = epoll_wait(epoll, events, EVENTS, dirty_count ? 0 : ms);
	for (int i = 0; i < n; i++)
		handle(events[i].data.ptr, events[i].events);
}

bool client_start(struct client *client, const struct client_options *options, const char *user)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = client};
	int on = 1;

	client->options = options;
	client->dead = client->secured = client->may_end = client->deaf = false;
	client->writing = true;
	snprintf(client->user, sizeof client->user, "%s", user);
	client->started_ns = now_ns();
	client->fd = socket(options->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		client->dead = true;
		return false;
	}
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (options->addresses > 1) {
		struct sockaddr_in from = {.sin_family = AF_INET};
		uint32_t number = client->index % options->addresses;

		setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
		from.sin_addr.s_addr = htonl(0x7f010001u + number / 250 * 256 + number % 250);
		bind(client->fd, (struct sockaddr *)&from, sizeof from);
	}
	client->state = CLIENT_CONNECTING;
	if (connect(client->fd, (const struct sockaddr *)&options->address, options->address_len) != 0 && errno != EINPROGRESS) {
		fail(client, strerror(errno));
		return false;
	}
	epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
	return true;
}
