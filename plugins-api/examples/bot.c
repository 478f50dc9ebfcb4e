/* SPDX-License-Identifier: MIT */
/*
 * bot: an address of the host that answers. It takes messages ("help", "uptime", "echo TEXT"), answers XEP-0199 pings and XEP-0092 version requests, and has a
 * presence for whoever probes it. Shows handlers of the target's events for an address that is no account.
 *
 *     modules+: [bot]
 *     bot: {name: chorus}
 */
#include <couplet/module.h>

#include <stdio.h>

struct bot_config {
	struct cpl_str name;
};
static const struct cpl_option options[] = {
	CPL_OPT_STRING(struct bot_config, name, "chorus", CPL_RELOADABLE, "The localpart of its address."),
	CPL_OPT_END,
};

CPL_CONTENT_NAME(name_body, "body");
CPL_NAME(name_ping, "urn:xmpp:ping", "ping");
CPL_NAME(name_version, "jabber:iq:version", "query");
CPL_NAME(name_version_name, "jabber:iq:version", "name");
CPL_NAME(name_version_number, "jabber:iq:version", "version");
static struct cpl_name *const names[] = {&name_body, &name_ping, &name_version, &name_version_name, &name_version_number, NULL};

/* The address is the bot's only where no account has it. */
static bool is_for_us(const struct cpl_module *self, const struct cpl_ev_stanza *ev)
{
	const struct bot_config *config = CPL_CONFIG(self, ev->event.host, struct bot_config);

	return !ev->user && cpl_str_equal(cpl_jid_local(ev->stanza->to), config->name);
}

static struct cpl_str answer_to(struct cpl_str text, struct cpl_arena *arena)
{
	struct cpl_str rest = cpl_str_trim(text), word;

	if (!cpl_str_split(&rest, ' ', &word) || cpl_str_is(word, "help"))
		return CPL_STR("I know: help, uptime, echo TEXT");
	if (cpl_str_is(word, "uptime"))
		return cpl_arena_printf(arena, "%lld seconds", (long long)((cpl_now() - cpl_started_at()) / 1000));
	if (cpl_str_is(word, "echo"))
		return rest.ptr ? rest : CPL_STR("");
	return CPL_STR("I do not know that; try help");
}

static enum cpl_flow on_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_stanza *stanza = ev->stanza;
	struct cpl_stanza *answer;
	struct cpl_str body;

	if (!is_for_us(self, ev))
		return CPL_NEXT;
	body = cpl_child_text(stanza->root, &name_body, stanza->arena);
	/* Never an answer to an error or to another bot's headline: two of them would talk for ever. */
	if (!body.ptr || (stanza->type != CPL_TYPE_CHAT && stanza->type != CPL_TYPE_NONE && stanza->type != CPL_TYPE_NORMAL))
		return CPL_HANDLED;
	answer = cpl_stanza_create(CPL_MESSAGE, stanza->type);
	cpl_stanza_set_from(answer, cpl_jid_bare(stanza->to));
	cpl_stanza_set_to(answer, stanza->from);
	cpl_add_with_text(answer, answer->root, &name_body, answer_to(body, stanza->arena));
	cpl_send(&answer);
	return CPL_HANDLED;
}

static enum cpl_flow on_iq(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct cpl_stanza *stanza = ev->stanza;
	struct cpl_stanza *result;
	struct cpl_element *query;

	if (!is_for_us(self, ev) || stanza->type != CPL_TYPE_GET)
		return CPL_NEXT; /* the core answers what nobody does */
	if (cpl_child(stanza->root, &name_ping)) {
		result = cpl_iq_result(ev);
	} else if (cpl_child(stanza->root, &name_version)) {
		result = cpl_iq_result(ev);
		query = cpl_add(result, result->root, &name_version);
		cpl_add_with_text(result, query, &name_version_name, CPL_STR("The bot of Couplet's examples"));
		cpl_add_with_text(result, query, &name_version_number, CPL_STR("1.0"));
	} else {
		return CPL_NEXT;
	}
	cpl_send(&result);
	return CPL_HANDLED;
}

static enum cpl_flow on_presence(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *answer;

	if (!is_for_us(self, ev) || ev->stanza->type != CPL_TYPE_PROBE)
		return CPL_NEXT;
	answer = cpl_stanza_create(CPL_PRESENCE, CPL_TYPE_NONE);
	cpl_stanza_set_from(answer, cpl_jid_bare(ev->stanza->to));
	cpl_stanza_set_to(answer, ev->stanza->from);
	cpl_send(&answer);
	return CPL_HANDLED;
}

static const struct cpl_event_row events[] = {
	CPL_ON(message, on_message, FEATURE, 0),
	CPL_ON(iq, on_iq, FEATURE, 0),
	CPL_ON(presence, on_presence, FEATURE, 0),
	CPL_ON_END,
};

CPL_MODULE(bot) = {
	CPL_MODULE_HEAD("bot", "1.0", "An address that answers"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct bot_config),
	.events = events,
};
