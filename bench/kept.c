/* SPDX-License-Identifier: MIT */
/* What a server keeps and gives out at login: messages for those who are away, and a large roster. */
#include "load.h"

#include <stdio.h>
#include <string.h>

enum { SETS_AT_ONCE = 8, ROSTER_LOGINS = 20 };

static uint64_t counted;

/* Counts `mark` in the client's input and keeps the end, where another may have begun. */
static void count_marks(struct client *client, const char *mark)
{
	size_t len = strlen(mark), at = 0;
	char *found;

	while ((found = memmem(client->in + at, client->in_len - at, mark, len))) {
		at = (size_t)(found - client->in) + len;
		counted++;
	}
	if (client->in_len - at >= len)
		at = client->in_len - len + 1;
	client_take(client, at);
}

/* ---- messages for those who are away ---- */

static void on_answer(struct client *client)
{
	see_syncs(client);
	client_take(client, client->in_len);
}

static void on_kept(struct client *client)
{
	uint64_t before = counted;

	count_marks(client, "<body>");
	client->got += counted - before;
	outcome.got += counted - before;
}

/* Those who are there send `each` messages to each of the `extra` accounts, who then log in. */
void step_offline(uint32_t each)
{
	struct measure before, kept, after;
	uint64_t from = now_ns(), until, filled;

	if (!load.extra)
		die("offline needs --extra");
	for (uint32_t i = 0; i < load.sessions; i++)
		clients[i].received = on_answer;
	measure_take(&before, load.pid);
	for (uint32_t k = 0; k < each; k++) {
		for (uint32_t i = 0; i < load.extra; i++) {
			tell(&clients[i % load.sessions], "<message to='%s%u@%s' id='o%u' type='chat'><body>%.*s</body></message>", load.prefix,
			     account_of(load.sessions + i), load.client.domain, k, (int)load.body, padding);
			outcome.sent++;
		}
		turn(0);
	}
	until_quiet(0, load.sessions, 0.01);
	measure_take(&kept, load.pid);
	filled = now_ns();
	for (uint32_t i = 0; i < load.extra; i++)
		clients[load.sessions + i].received = on_kept;
	log_in(load.sessions, load.extra, load.at_once, false);
	for (until = deadline(10); outcome.got < outcome.sent && now_ns() < until;)
		turn(20);
	measure_take(&after, load.pid);
	for (uint32_t i = 0; i < load.extra; i++) {
		uint64_t got = clients[load.sessions + i].got;

		outcome.lost += got < each ? each - got : 0;
		outcome.doubled += got > each ? got - each : 0;
	}
	report(", \"keep_us_each\": %.2f, \"kept_per_s\": %.0f, \"give_us_each\": %.2f", (kept.cpu_seconds - before.cpu_seconds) * 1e6 / (double)outcome.sent,
	       (double)outcome.sent * 1e9 / (double)(filled - from), (after.cpu_seconds - kept.cpu_seconds) * 1e6 / (double)outcome.sent);
}

/* ---- a large roster ---- */

static void on_set(struct client *client)
{
	count_marks(client, " id=");
}

static void on_item(struct client *client)
{
	if (memmem(client->in, client->in_len, "</iq>", 5))
		client->got = 1;
	count_marks(client, "<item ");
}

static void make_roster(uint32_t items)
{
	uint32_t asked = 0;
	uint64_t until = deadline(load.seconds);

	clients[0].received = on_set;
	counted = 0;
	while (counted < items && now_ns() < until) {
		for (; asked < items && asked - counted < SETS_AT_ONCE; asked++)
			tell(&clients[0],
			     "<iq type='set' id='s%u'><query xmlns='jabber:iq:roster'><item jid='friend%u@%s' name='Friend %u'><group>Verona</group></item></query></iq>",
			     asked, asked, load.client.domain, asked);
		turn(20);
	}
	if (counted < items)
		die("the roster takes too long to make");
}

/* One account with so many contacts logs in again and again and asks for its roster. Counted in logins. */
void step_roster(uint32_t items)
{
	struct measure before, after;

	load.client.presence = false;
	log_in(0, 1, 1, false);
	make_roster(items);
	log_out(0, 1);
	latency_reset();
	measure_take(&before, load.pid);
	for (int i = 0; i < ROSTER_LOGINS; i++) {
		uint64_t from = now_ns(), until = deadline(load.seconds);

		clients[0].received = on_item;
		log_in(0, 1, 1, false);
		counted = clients[0].got = 0;
		tell(&clients[0], "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
		while (!clients[0].got && now_ns() < until)
			turn(20);
		latency_add(from);
		outcome.sent++;
		outcome.got++;
		outcome.lost += counted < items ? items - counted : 0;
		outcome.doubled += counted > items ? counted - items : 0;
		log_out(0, 1);
	}
	measure_take(&after, load.pid);
	load.client.presence = true;
	report(", \"roster_login_us\": %.1f", (after.cpu_seconds - before.cpu_seconds) * 1e6 / ROSTER_LOGINS);
}
