/* SPDX-License-Identifier: MIT */
/*
 * Looks once a second whether many connections have gone, and has a worker give their memory back. Accounts that linger go before: the blocks of a thousand of them lie all over the
 * heap, among those of the others.
 */
#include "core/server_state.h"

#include "core/base/memory.h"
#include "core/base/trim.h"
#include "core/loop/worker.h"
#include "core/net/conn_socket.h"
#include "core/net/output.h"
#include "core/xmpp/user.h"

enum { LOOK_MS = 1000 };

static struct loop_timer timer;
static struct worker_job job;
static struct trim trim;
static struct trim_cache *caches; /* while it is under way: the session thread's and the worker's */

static void work(struct worker_job *unused)
{
	trim_take(&caches[1]);
	trim_release(caches, 2);
}

static void done(struct worker_job *unused)
{
	CPL_FREE(caches);
}

static void look(struct loop_timer *expired)
{
	if (!caches && trim_due(&trim, conn_socket_count())) {
		user_drop_lingering(false);
		arena_release_spare();
		output_pools_finish();
		caches = cpl_alloc(2 * sizeof(*caches));
		trim_take(&caches[0]);
		job = (struct worker_job){.work = work, .done = done};
		worker_start(&job);
	}
	loop_timer_start(expired, LOOK_MS, look);
}

void server_trim_begin(void)
{
	trim = (struct trim){0};
	loop_timer_start(&timer, LOOK_MS, look);
}

void server_trim_end(void)
{
	loop_timer_stop(&timer);
}
