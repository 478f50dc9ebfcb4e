/* SPDX-License-Identifier: MIT */
/*
 * filter: messages with words that the administrator does not want are refused or dropped. Shows a policy handler, a list option, an enumeration,
 * the configuration of the host at hand, and an event that is published for whoever wants to hear it (filter.h; strikes.c does).
 *
 *     modules+: [filter]
 *     filter: {words: [ducats, bargain], action: bounce}
 */
#include "filter.h"

#include <strings.h>

enum { ACTION_BOUNCE, ACTION_DROP };
static const char *const actions[] = {"bounce", "drop", NULL};

struct filter_config {
	struct cpl_str_list words;
	int action;
};
static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct filter_config, words, NULL, CPL_RELOADABLE, "Words that no message may have; case does not matter."),
	CPL_OPT_ENUM(struct filter_config, action, "bounce", actions, CPL_RELOADABLE, "bounce: the sender is told; drop: nobody is."),
	CPL_OPT_END,
};

CPL_CONTENT_NAME(name_body, "body");
static struct cpl_name *const names[] = {&name_body, NULL};

static bool contains(struct cpl_str text, struct cpl_str word)
{
	for (size_t i = 0; word.len && i + word.len <= text.len; i++)
		if (strncasecmp(text.ptr + i, word.ptr, word.len) == 0)
			return true;
	return false;
}

/* POLICY: before anybody works with the message. There may be a body for each language. */
static enum cpl_flow on_pre_message(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	const struct filter_config *config = CPL_CONFIG(self, ev->event.host, struct filter_config);
	struct filter_refused refused;

	CPL_CHILDREN(child, ev->stanza->root)
	{
		if (!cpl_is(child, &name_body))
			continue;
		for (size_t i = 0; i < config->words.count; i++) {
			if (!contains(cpl_text_of(child, ev->stanza->arena), config->words.items[i]))
				continue;
			refused = (struct filter_refused){.session = ev->session, .word = config->words.items[i]};
			cpl_publish_filter_refused(ev->event.host, &refused);
			if (config->action == ACTION_BOUNCE)
				cpl_bounce(ev->stanza, CPL_NOT_ACCEPTABLE, "This server does not carry such messages");
			return CPL_HANDLED;
		}
	}
	return CPL_NEXT;
}

static const struct cpl_event_row events[] = {
	CPL_ON(pre_message, on_pre_message, POLICY, 0),
	CPL_ON_END,
};

static const struct cpl_publish_row publishes[] = {
	CPL_PUBLISH(filter, refused, "A message was refused or dropped for a word in it."),
	CPL_PUBLISH_END,
};

CPL_MODULE(filter) = {
	CPL_MODULE_HEAD("filter", "1.0", "Refuses messages with unwanted words"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct filter_config),
	.events = events,
	.publishes = publishes,
};
