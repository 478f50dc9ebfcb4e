/* SPDX-License-Identifier: MIT */
/* Quiet sessions, whose latency is taken alone and then beside one session that asks for all it can get, or that does not read what it is sent. */
#include "load.h"

#include <stdio.h>
#include <string.h>

enum { FLIGHT = 1000 };

static struct client *noisy, *target; /* behind the quiet ones */
static uint64_t noise_sent, noise_got;

static void count_noise(struct client *client)
{
	size_t at = 0;
	char *end;

	while ((end = memmem(client->in + at, client->in_len - at, "</message>", 10))) {
		at = (size_t)(end - client->in) + 10;
		noise_got++;
	}
	client_take(client, at);
}

static void make_noise(void)
{
	tell(noisy, "<message to='%s%u@%s/load' id='n%lu' type='headline'><body>%.*s</body></message>", load.prefix, account_of(target->index),
	     load.client.domain, noise_sent, (int)load.body, padding);
	noise_sent++;
}

/* The quiet ones alone: their p99. */
static double alone(struct pace *pace, uint32_t quiet)
{
	double p99;

	if (quiet < 2 || quiet + 2 > clients_ready)
		die("flood and slow need two quiet sessions at least and two more");
	noisy = &clients[quiet];
	target = &clients[quiet + 1];
	noise_sent = noise_got = 0;
	pace_begin(pace, quiet, load.rate, load.span);
	while (pace_send(pace))
		turn(0);
	pace_end(pace);
	p99 = latency_percentile(0.99);
	report(", \"alone_p50_us\": %.1f, \"alone_p99_us\": %.1f", latency_percentile(0.5), p99);
	return p99;
}

/* One session keeps a thousand messages to another under way, which is more than the server can take, beside so many quiet ones. */
void step_flood(uint32_t quiet)
{
	struct pace pace;
	double p99 = alone(&pace, quiet);
	uint64_t from, until;

	noisy->received = target->received = count_noise;
	pace_begin(&pace, quiet, load.rate, load.span);
	from = now_ns();
	while (pace_send(&pace)) {
		while (noise_sent - noise_got < FLIGHT)
			make_noise();
		turn(0);
	}
	report(", \"flood_rate\": %.0f", (double)noise_got * 1e9 / (double)(now_ns() - from));
	pace_end(&pace);
	for (until = deadline(load.seconds); noise_got < noise_sent && now_ns() < until;)
		turn(10);
	outcome.lost += noise_sent - noise_got;
	report(", \"p99_ratio\": %.2f", p99 > 0 ? latency_percentile(0.99) / p99 : 0);
}

static uint64_t noise_bytes, look;
static long most;

/* What is left of the megabytes, as fast as the server reads; and a look at its memory, ten times a second. */
static bool push(uint64_t bytes)
{
	while (noise_bytes < bytes && noisy->out_len - noisy->out_sent < 65536) {
		make_noise();
		noise_bytes += load.body + 100u;
	}
	if (now_ns() > look) {
		long now = measure_rss(load.pid);

		most = now > most ? now : most;
		look = deadline(0.1);
	}
	return noise_bytes < bytes || noisy->out_len > noisy->out_sent;
}

/* The last session stops reading and is sent so many megabytes by the one before it. */
void step_slow(uint32_t megabytes)
{
	struct pace pace;
	uint32_t quiet = load.sessions - 2;
	double p99 = alone(&pace, quiet);
	uint64_t bytes = (uint64_t)megabytes << 20, until;
	long before = measure_rss(load.pid);
	bool under_way = true;

	noise_bytes = look = 0;
	most = before;
	noisy->received = target->received = count_noise;
	client_deafen(target);
	pace_begin(&pace, quiet, load.rate, load.span);
	while (pace_send(&pace)) {
		push(bytes);
		turn(0);
	}
	pace_end(&pace);
	for (until = deadline(load.seconds); under_way && now_ns() < until; turn(10))
		under_way = push(bytes);
	/* What the kernel has kept for it, and then the end, if the server has closed it. */
	client_listen(target);
	for (until = deadline(5); !target->dead && now_ns() < until;)
		turn(10);
	report(", \"p99_ratio\": %.2f, \"grown_kib\": %ld, \"slow_reader_closed\": %s, \"sender_done\": %s",
	       p99 > 0 ? latency_percentile(0.99) / p99 : 0, most - before, target->dead ? "true" : "false", under_way ? "false" : "true");
}
