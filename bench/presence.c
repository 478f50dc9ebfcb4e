/* SPDX-License-Identifier: MIT */
/* Presence: everybody is subscribed to everybody in cliques of 51. */
#include "load.h"

#include <string.h>

/* Counts what begins in the text that has come, and keeps the end, where another may have begun. */
static void on_presence(struct client *client)
{
	static const char mark[] = "<presence";
	size_t len = sizeof(mark) - 1, at = 0;

	see_syncs(client);
	for (; at + len <= client->in_len; at++) {
		if (client->in[at] == '<' && memcmp(client->in + at, mark, len) == 0) {
			outcome.got++;
			client->got++;
		}
	}
	client_take(client, at);
}

static uint32_t clique_end(uint32_t first)
{
	return first + CLIQUE < load.sessions ? first + CLIQUE : load.sessions;
}

/* Everybody subscribes to everybody of the clique, so that no server needs its rosters made in its own way. */
void step_cliques(uint32_t ignored)
{
	(void)ignored;
	for (uint32_t i = 0; i < load.sessions; i++)
		clients[i].received = on_presence;
	/* A request that crossed its answer is answered once more: not every server keeps an answer that came before the question. */
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < load.sessions; i++) {
			uint32_t first = i / CLIQUE * CLIQUE;

			for (uint32_t other = first; other < clique_end(first); other++) {
				if (other == i)
					continue;
				tell(&clients[i], "<presence to='%s%u@%s' type='subscribed'/>", load.prefix, other, load.client.domain);
				if (round == 0)
					tell(&clients[i], "<presence to='%s%u@%s' type='subscribe'/>", load.prefix, other, load.client.domain);
			}
			turn(0);
		}
		until_quiet(0, load.sessions, 0.5);
	}
}

/* All of them broadcast so many times. */
void step_presence(uint32_t rounds)
{
	uint64_t copies = 0, own;

	for (uint32_t i = 0; i < load.sessions; i++)
		clients[i].received = on_presence;
	for (uint32_t round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < load.sessions; i++) {
			tell(&clients[i], "<presence><show>%s</show><status>%u</status></presence>", round & 1 ? "away" : "dnd", round);
			outcome.sent++;
		}
		turn(0);
	}
	until_quiet(0, load.sessions, 0.5);
	/* A copy to each of the others, and one to the sender, which not every server sends. */
	for (uint32_t i = 0; i < load.sessions; i++)
		copies += (clique_end(i / CLIQUE * CLIQUE) - i / CLIQUE * CLIQUE) * (uint64_t)rounds;
	own = (uint64_t)rounds * load.sessions;
	outcome.lost = copies - own > outcome.got ? copies - own - outcome.got : 0;
	outcome.doubled = outcome.got > copies ? outcome.got - copies : 0;
}

/* The first of each clique broadcasts to the others, who are quiet, and again when all have heard it. */
void step_broadcast(uint32_t ignored)
{
	uint64_t until = deadline(load.span), round = 0;

	(void)ignored;
	for (uint32_t i = 0; i < load.sessions; i++) {
		clients[i].received = on_presence;
		clients[i].got = 0;
	}
	for (; now_ns() < until; round++) {
		uint64_t from = now_ns(), patience = deadline(load.seconds);
		uint32_t waiting = 1;

		for (uint32_t i = 0; i < load.sessions; i += CLIQUE) {
			tell(&clients[i], "<presence><show>%s</show><status>%lu</status></presence>", round & 1 ? "away" : "dnd", round);
			outcome.sent++;
		}
		while (waiting && now_ns() < patience) {
			turn(20);
			waiting = 0;
			for (uint32_t i = 0; i < load.sessions; i++)
				waiting += i % CLIQUE && clients[i].got <= round;
		}
		outcome.lost += waiting;
		latency_add(from);
		if (waiting)
			return;
	}
	/* The senders' own copies are not counted. */
	outcome.got = round * (load.sessions - (load.sessions + CLIQUE - 1) / CLIQUE);
}
