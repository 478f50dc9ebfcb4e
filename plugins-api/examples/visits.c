/* SPDX-License-Identifier: MIT */
/*
 * visits: counts the sessions of each account since it was last out of memory, and of all since the server was started. Shows state that survives a reload:
 * the module's own through save and restore, an account's through a slot with a layout number, and a timer that is started anew.
 *
 * Build it with -DLAYOUT=2 and reload: the slot's struct has grown, and `migrate` carries the old data over.
 */
#include <couplet/module.h>

#ifndef LAYOUT
#define LAYOUT 1
#endif

struct per_account {
	int64_t count;
#if LAYOUT >= 2
	int64_t last; /* ms */
#endif
};

#if LAYOUT >= 2
static void *migrate(unsigned old_layout, void *data)
{
	struct per_account *now = CPL_NEW(struct per_account);

	/* Layout 1 had the count alone, at its beginning. */
	if (old_layout == 1)
		now->count = *(const int64_t *)data;
	return now;
}
#else
#define migrate NULL
#endif

static struct cpl_slot account_slot = {"account", CPL_SLOT_OF_USER, LAYOUT, NULL, migrate, 0, sizeof(struct per_account)};
static struct cpl_slot *const slots[] = {&account_slot, NULL};

struct state {
	struct cpl_module *self;
	struct cpl_call timer;
	int64_t total;
};

struct visits_config {
	int64_t report;
};
static const struct cpl_option options[] = {
	CPL_OPT_TIME(struct visits_config, report, "1h", "1s", "7d", CPL_RELOADABLE, "How often the total is logged."),
	CPL_OPT_END,
};

static void on_bound(struct cpl_module *self, struct cpl_ev_session *ev)
{
	struct state *state = cpl_module_data(self);
	struct per_account *account = cpl_slot_make(&ev->session->user->slots, &account_slot);

	state->total++;
	account->count++;
#if LAYOUT >= 2
	account->last = cpl_now();
#endif
}
static const struct cpl_event_row events[] = {
	CPL_ON(session_bound, on_bound, OBSERVE, 0),
	CPL_ON_END,
};

static void start_timer(struct state *state);

static void on_timer(struct cpl_call *call)
{
	struct state *state = CPL_CONTAINER(call, struct state, timer);

	/* Any other status: the module goes, and `unload` frees the state. */
	if (call->status != 0)
		return;
	cpl_log_info("visits total=%lld", (long long)state->total);
	start_timer(state);
}

static void start_timer(struct state *state)
{
	const struct visits_config *config = CPL_CONFIG(state->self, NULL, struct visits_config);

	/* A module that is stopping starts nothing; that is no error. */
	if (cpl_timer_start(&state->timer, cpl_module_scope(state->self), config->report, on_timer) != 0)
		cpl_log_debug("no further report");
}

static int visits_load(struct cpl_module *self, struct cpl_error *error)
{
	struct state *state = CPL_NEW(struct state);

	state->self = self;
	cpl_module_set_data(self, state);
	return 0;
}

static void visits_start(struct cpl_module *self, struct cpl_host *host)
{
	struct state *state = cpl_module_data(self);

	/* Once, not for each host. */
	if (!cpl_call_pending(&state->timer))
		start_timer(state);
}

static void visits_save(struct cpl_module *self, struct cpl_bag *bag)
{
	cpl_bag_put_int(bag, "total", ((struct state *)cpl_module_data(self))->total);
}

static int visits_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	struct state *state = cpl_module_data(self);

	if (schema != 1 || !cpl_bag_get_int(bag, "total", &state->total))
		return cpl_fail(error, CPL_E_CORRUPT, "the former generation left nothing that is understood (schema %u)", schema);
	return 0;
}

static void visits_unload(struct cpl_module *self)
{
	cpl_free(cpl_module_data(self));
}

static void run_count(struct cpl_module *self, struct cpl_invocation *in)
{
	const struct state *state = cpl_module_data(self);
	struct cpl_jid account = cpl_arg_jid(in, 0);
	struct cpl_host *host;
	struct cpl_user *user;
	const struct per_account *visits;

	if (!cpl_jid_is_set(account)) {
		cpl_say(in, "%lld", (long long)state->total);
		cpl_done(in);
		return;
	}
	host = cpl_host_find(cpl_jid_domain(account));
	user = host ? cpl_user_find(host, cpl_jid_local(account)) : NULL;
	visits = user ? cpl_slot_get(&user->slots, &account_slot) : NULL;
	cpl_say(in, "%lld", visits ? (long long)visits->count : 0);
	cpl_done(in);
}

static const struct cpl_command commands[] = {
	{"visits count [<account>]", "Shows how many sessions there were, of one account or in all.", NULL, NULL, 0, run_count},
	CPL_COMMAND_END,
};

CPL_MODULE(visits) = {
	CPL_MODULE_HEAD("visits", "1.0", "Counts sessions, over reloads"),
	.options = options,
	.config_size = sizeof(struct visits_config),
	.events = events,
	.slots = slots,
	.commands = commands,
	.load = visits_load,
	.start = visits_start,
	.save = visits_save,
	.restore = visits_restore,
	.unload = visits_unload,
	.schema = 1,
};
