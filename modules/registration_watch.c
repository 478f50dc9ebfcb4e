/* SPDX-License-Identifier: MIT */
/* Messages to administrators about new accounts, of which there are never many: when more accounts are made, one message says how many. Hooks account_created. */
#include <couplet/module.h>

struct watch_config {
	struct cpl_str_list to;
	int64_t messages;
	int64_t period;
	bool administrators;
};
static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct watch_config, to, NULL, CPL_RELOADABLE, "Who is told; without it the addresses that the option admins names."),
	CPL_OPT_INT(struct watch_config, messages, "10", "1", "1000", CPL_RELOADABLE, "The most messages about single accounts within a period."),
	CPL_OPT_TIME(struct watch_config, period, "10m", "1s", "1d", CPL_RELOADABLE, "The period; what was not told is summed up at its end."),
	CPL_OPT_BOOL(struct watch_config, administrators, "false", CPL_RELOADABLE, "Tell of accounts that administrators make, too."),
	CPL_OPT_END,
};

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct watch_config *config = values;
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid;

	for (size_t i = 0; i < config->to.count; i++)
		if (cpl_jid_parse(&jid, config->to.items[i], arena) != 0)
			fault(data, "to", "one of these is no address, which would be like benvolio@example.org");
	cpl_arena_destroy(&arena);
}

CPL_CONTENT_NAME(body_name, "body");
static struct cpl_name *const names[] = {&body_name, NULL};

struct watch {
	int64_t since;
	int64_t told, untold;
};
CPL_SLOT(watch_slot, HOST, struct watch, 1, NULL);
static struct cpl_slot *const slots[] = {&watch_slot, NULL};

static void tell_one(struct cpl_host *host, struct cpl_str to, const char *text)
{
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_NONE);
	struct cpl_jid jid;

	if (cpl_jid_parse(&jid, to, message->arena) != 0) {
		cpl_stanza_unref(&message);
		return;
	}
	cpl_stanza_set_from(message, host->jid);
	cpl_stanza_set_to(message, jid);
	cpl_add_with_text(message, message->root, &body_name, cpl_str_of(text));
	cpl_send(&message);
}

static void tell(struct cpl_host *host, const struct watch_config *config, const char *text)
{
	struct cpl_str admin;

	for (size_t i = 0; i < config->to.count; i++)
		tell_one(host, config->to.items[i], text);
	for (size_t at = 0; !config->to.count && cpl_admin_next(&at, &admin);)
		tell_one(host, admin, text);
}

struct end_of_period {
	struct cpl_call timer;
	struct cpl_module *self;
	struct cpl_host *host; /* whose scope the timer has */
};

static void on_period(struct cpl_call *call)
{
	struct end_of_period *end = CPL_CONTAINER(call, struct end_of_period, timer);
	struct watch *watch = CPL_SLOT_GET(end->host, watch_slot);
	const struct watch_config *config = CPL_CONFIG(end->self, end->host, struct watch_config);
	char *text;

	if (call->status == 0 && watch && config && watch->untold) {
		text = cpl_asprintf("More accounts have been made on %.*s: %lld", CPL_ARG(end->host->name), (long long)watch->untold);
		watch->untold = 0;
		tell(end->host, config, text);
		cpl_free(text);
	}
	cpl_free(end);
}

/* The first that is not told of begins the wait for the end of the period. */
static void count(struct cpl_module *self, struct cpl_host *host, struct watch *watch, int64_t period)
{
	struct end_of_period *end;

	if (watch->untold++)
		return;
	end = CPL_NEW(struct end_of_period);
	end->self = self;
	end->host = host;
	if (cpl_timer_start(&end->timer, &host->scope, watch->since + period - cpl_monotonic(), on_period) != 0)
		cpl_free(end);
}

static void on_created(struct cpl_module *self, struct cpl_ev_account *ev)
{
	static const char *const how[] = {"was made by an administrator", "has registered", "has registered with an invitation"};
	const struct watch_config *config = CPL_CONFIG(self, ev->host, struct watch_config);
	struct watch *watch;
	char *text;

	if (ev->origin == CPL_ORIGIN_IMPORT || (ev->origin == CPL_ORIGIN_ADMIN && !config->administrators))
		return;
	watch = CPL_SLOT_MAKE(ev->host, watch_slot);
	if (!watch->since || cpl_monotonic() - watch->since >= config->period) {
		watch->since = cpl_monotonic();
		watch->told = 0;
	}
	if (watch->told >= config->messages) {
		count(self, ev->host, watch, config->period);
		return;
	}
	watch->told++;
	text = cpl_asprintf("%.*s %s", CPL_ARG(cpl_jid_str(ev->jid)), how[ev->origin]);
	tell(ev->host, config, text);
	cpl_free(text);
}

static const struct cpl_event_row events[] = {
	CPL_ON(account_created, on_created, OBSERVE, 0),
	CPL_ON_END,
};

CPL_MODULE(registration_watch) = {
	CPL_MODULE_HEAD("registration_watch", "1.0", "Messages to administrators about new accounts"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct watch_config),
	.check = check,
	.events = events,
	.slots = slots,
};
