/* SPDX-License-Identifier: MIT */
/*
 * template: a module to copy. It answers the request <greet xmlns='urn:example:template'/> to the host or to one's own account with a greeting, and counts
 * how often: per session in a slot, and in all. Both counts survive a reload. `coupletctl template count` shows the latter.
 *
 * The rename recipe is in the README of the plugin API. Each part below that your module does not need can go.
 */
#include <couplet/module.h>
#include <stdio.h>

/* ---- options: what stands under "template:" in the configuration ---- */

struct template_config {
	struct cpl_str greeting;
	int64_t max_greetings;
};

static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct template_config, greeting, "Good morrow", CPL_RELOADABLE, "What the answer says."),
	CPL_OPT_INT(struct template_config, max_greetings, "100", "1", "1000000", CPL_RELOADABLE, "Greetings a session may ask for."),
	CPL_OPT_END,
};

/* ---- data: the module's own, and a piece in each session ---- */

struct template_state {
	int64_t count;
};

struct per_session {
	int64_t count;
};
/* Layout 1: raise the number when struct per_session changes, so that a reload does not take the old memory for the new. */
CPL_SLOT(session_slot, SESSION, struct per_session, 1, NULL);
static struct cpl_slot *const slots[] = {&session_slot, NULL};

/* ---- names: compared as integers ---- */

CPL_NAME(greet_name, "urn:example:template", "greet");
CPL_NAME(greeting_name, "urn:example:template", "greeting");
static struct cpl_name *const names[] = {&greet_name, &greeting_name, NULL};

/* ---- handlers ---- */

static enum cpl_flow on_greet(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct template_config *config = CPL_CONFIG(self, ev->event.host, struct template_config);
	struct template_state *state = cpl_module_data(self);
	struct per_session *mine = ev->session ? CPL_SLOT_MAKE(ev->session, session_slot) : NULL;
	struct cpl_stanza *answer;
	char number[24];

	if (mine && mine->count >= config->max_greetings)
		return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, "That is enough for one session.");
	state->count++;
	answer = cpl_iq_result(ev);
	struct cpl_element *greeting = cpl_add_with_text(answer, answer->root, &greeting_name, config->greeting);
	if (mine) {
		snprintf(number, sizeof(number), "%lld", (long long)++mine->count);
		cpl_attr_set(answer, greeting, "count", cpl_str_of(number));
	}
	cpl_send(&answer);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST | CPL_TO_SELF, &greet_name, on_greet, 0},
	{0, 0, NULL, NULL, 0},
};

static void on_session_bound(struct cpl_module *self, struct cpl_ev_session *ev)
{
	cpl_log_debug("session bound jid=%.*s", CPL_ARG(ev->session->full_jid));
}

static const struct cpl_event_row events[] = {
	CPL_ON(session_bound, on_session_bound, OBSERVE, 0),
	CPL_ON_END,
};

static const struct cpl_feature_row features[] = {
	{"urn:example:template", CPL_OF_HOST},
	{NULL, 0},
};

/* ---- a command of coupletctl ---- */

static void run_count(struct cpl_module *self, struct cpl_invocation *in)
{
	const struct template_state *state = cpl_module_data(self);

	cpl_say(in, "%lld", (long long)state->count);
	cpl_done(in);
}

static const struct cpl_command commands[] = {
	{"template count", "Shows how many greetings were given.", NULL, NULL, 0, run_count},
	CPL_COMMAND_END,
};

/* ---- its life ---- */

static int template_load(struct cpl_module *self, struct cpl_error *error)
{
	cpl_module_set_data(self, CPL_NEW(struct template_state));
	return 0;
}

static void template_save(struct cpl_module *self, struct cpl_bag *bag)
{
	const struct template_state *state = cpl_module_data(self);

	cpl_bag_put_int(bag, "count", state->count);
}

static int template_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	struct template_state *state = cpl_module_data(self);

	/* `schema` is the number in the descriptor of the generation that saved: what it left can be told apart from what this one leaves. */
	if (!cpl_bag_get_int(bag, "count", &state->count))
		return cpl_fail(error, CPL_E_CORRUPT, "the former generation has left no count");
	return 0;
}

static void template_unload(struct cpl_module *self)
{
	cpl_free(cpl_module_data(self));
}

CPL_MODULE(template) = {
	CPL_MODULE_HEAD("template", "1.0", "A module to copy"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct template_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.commands = commands,
	.slots = slots,
	.load = template_load,
	.save = template_save,
	.restore = template_restore,
	.unload = template_unload,
	.schema = 1,
};
