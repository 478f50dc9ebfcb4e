/* SPDX-License-Identifier: MIT */
/*
 * A client made with libstrophe: strophe JID PASSWORD PORT direct|starttls PEER
 * It logs in at 127.0.0.1, asks for its roster, becomes available, says "hello from strophe" to PEER, waits
 * for a message from PEER, answers a ping that comes in between, prints what it received, and says good bye.
 * The certificate is self-signed, so it is not verified. Each step is a line of the output. Exit code: 0 if
 * all went well, 1 if not, 2 for a wrong command line.
 */
#include <strophe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
	xmpp_ctx_t *ctx;
	const char *peer;
	int good;
};

static int on_roster(xmpp_conn_t *conn, xmpp_stanza_t *result, void *data)
{
	struct client *client = data;
	const char *type = xmpp_stanza_get_type(result);
	xmpp_stanza_t *presence, *message;

	printf("roster: %s\n", type ? type : "no type");
	presence = xmpp_presence_new(client->ctx);
	xmpp_send(conn, presence);
	xmpp_stanza_release(presence);
	message = xmpp_message_new(client->ctx, "chat", client->peer, "hello1");
	xmpp_message_set_body(message, "hello from strophe");
	xmpp_send(conn, message);
	xmpp_stanza_release(message);
	return 0;
}

static int on_ping(xmpp_conn_t *conn, xmpp_stanza_t *ping, void *data)
{
	struct client *client = data;
	xmpp_stanza_t *pong = xmpp_stanza_reply(ping);

	printf("ping from %s\n", xmpp_stanza_get_from(ping));
	xmpp_stanza_set_type(pong, "result");
	xmpp_send(conn, pong);
	xmpp_stanza_release(pong);
	return client->good ? 0 : 1;
}

static int on_message(xmpp_conn_t *conn, xmpp_stanza_t *message, void *data)
{
	struct client *client = data;
	char *body = xmpp_message_get_body(message);
	char *from = xmpp_jid_bare(client->ctx, xmpp_stanza_get_from(message));

	if (!body || !from || strcmp(from, client->peer) != 0) {
		printf("not the message of the peer\n");
	} else {
		printf("message: %s\n", body);
		client->good = 1;
		xmpp_disconnect(conn);
	}
	if (body)
		xmpp_free(client->ctx, body);
	if (from)
		xmpp_free(client->ctx, from);
	return client->good ? 0 : 1;
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t event, int error,
			  xmpp_stream_error_t *stream_error, void *data)
{
	struct client *client = data;
	xmpp_stanza_t *query, *iq;

	if (event != XMPP_CONN_CONNECT) {
		printf("disconnected\n");
		if (error || stream_error)
			client->good = 0;
		xmpp_stop(client->ctx);
		return;
	}
	printf("connected: %s\n", xmpp_conn_is_secured(conn) ? "secure" : "not secure");
	xmpp_handler_add(conn, on_message, NULL, "message", NULL, client);
	xmpp_handler_add(conn, on_ping, "urn:xmpp:ping", "iq", "get", client);
	iq = xmpp_iq_new(client->ctx, "get", "roster1");
	query = xmpp_stanza_new(client->ctx);
	xmpp_stanza_set_name(query, "query");
	xmpp_stanza_set_ns(query, XMPP_NS_ROSTER);
	xmpp_stanza_add_child(iq, query);
	xmpp_stanza_release(query);
	xmpp_id_handler_add(conn, on_roster, "roster1", client);
	xmpp_send(conn, iq);
	xmpp_stanza_release(iq);
}

int main(int argc, char **argv)
{
	struct client client = {0};
	xmpp_conn_t *conn;
	long flags = XMPP_CONN_FLAG_TRUST_TLS;

	if (argc != 6) {
		fprintf(stderr, "usage: strophe JID PASSWORD PORT direct|starttls PEER\n");
		return 2;
	}
	flags |= strcmp(argv[4], "direct") == 0 ? XMPP_CONN_FLAG_LEGACY_SSL : XMPP_CONN_FLAG_MANDATORY_TLS;
	client.peer = argv[5];
	setvbuf(stdout, NULL, _IOLBF, 0);
	xmpp_initialize();
	client.ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_WARN));
	conn = xmpp_conn_new(client.ctx);
	xmpp_conn_set_flags(conn, flags);
	xmpp_conn_set_jid(conn, argv[1]);
	xmpp_conn_set_pass(conn, argv[2]);
	if (xmpp_connect_client(conn, "127.0.0.1", (unsigned short)strtoul(argv[3], NULL, 10), on_connection,
				&client) == XMPP_EOK)
		xmpp_run(client.ctx);
	xmpp_conn_release(conn);
	xmpp_ctx_free(client.ctx);
	xmpp_shutdown();
	return client.good ? 0 : 1;
}
