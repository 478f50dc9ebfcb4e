/* SPDX-License-Identifier: MIT */
/* Looks once a second whether many connections have gone, and has a worker give their memory back. */
#include "core/server_state.h"

#include "core/base/trim.h"
#include "core/loop/worker.h"
#include "core/net/conn_socket.h"

enum { LOOK_MS = 1000 };

static struct loop_timer timer;
static struct worker_job job;
static struct trim trim;
static bool under_way;

static void work(struct worker_job *unused)
{
	trim_release();
}

static void done(struct worker_job *unused)
{
	under_way = false;
}

static void look(struct loop_timer *expired)
{
	if (!under_way && trim_due(&trim, conn_socket_count())) {
		under_way = true;
		job = (struct worker_job){.work = work, .done = done};
		worker_start(&job);
	}
	loop_timer_start(expired, LOOK_MS, look);
}

void server_trim_begin(void)
{
	trim = (struct trim){0};
	under_way = false;
	loop_timer_start(&timer, LOOK_MS, look);
}

void server_trim_end(void)
{
	loop_timer_stop(&timer);
}
