/* SPDX-License-Identifier: MIT */
/* Contact Addresses for XMPP Services (XEP-0157): whom to write to, in the host's disco#info. Hooks disco_info. */
#include <couplet/module.h>

#define FORM_TYPE "http://jabber.org/network/serverinfo"

struct contact_config {
	struct cpl_str_list abuse, admin, feedback, sales, security, status, support;
};
static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct contact_config, abuse, NULL, CPL_RELOADABLE, "Addresses (URIs) for reports of abusive traffic, such as mailto:abuse@example.org."),
	CPL_OPT_LIST(struct contact_config, admin, NULL, CPL_RELOADABLE, "Addresses of the administrators, such as xmpp:admin@example.org."),
	CPL_OPT_LIST(struct contact_config, feedback, NULL, CPL_RELOADABLE, "Addresses for feedback of those who use the service."),
	CPL_OPT_LIST(struct contact_config, sales, NULL, CPL_RELOADABLE, "Addresses for sales and marketing."),
	CPL_OPT_LIST(struct contact_config, security, NULL, CPL_RELOADABLE, "Addresses for reports about security."),
	CPL_OPT_LIST(struct contact_config, status, NULL, CPL_RELOADABLE, "Addresses of pages that tell how the service is, such as https://status.example.org."),
	CPL_OPT_LIST(struct contact_config, support, NULL, CPL_RELOADABLE, "Addresses for support."),
	CPL_OPT_END,
};

/* In the order of the registrar's list (XEP-0157 7.1). */
static const struct kind {
	const char *option;
	const char *var;
	size_t offset;
} kinds[] = {
	{"abuse", "abuse-addresses", offsetof(struct contact_config, abuse)},
	{"admin", "admin-addresses", offsetof(struct contact_config, admin)},
	{"feedback", "feedback-addresses", offsetof(struct contact_config, feedback)},
	{"sales", "sales-addresses", offsetof(struct contact_config, sales)},
	{"security", "security-addresses", offsetof(struct contact_config, security)},
	{"status", "status-addresses", offsetof(struct contact_config, status)},
	{"support", "support-addresses", offsetof(struct contact_config, support)},
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static const struct cpl_str_list *list_of(const struct contact_config *config, const struct kind *kind)
{
	return (const struct cpl_str_list *)(const void *)((const char *)config + kind->offset);
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	for (size_t k = 0; k < KINDS; k++) {
		const struct cpl_str_list *list = list_of(values, &kinds[k]);

		for (size_t i = 0; i < list->count; i++)
			if (!cpl_str_is_uri(list->items[i]))
				fault(data, kinds[k].option, "has an address that is no URI; write mailto:, xmpp: or https: in front of it");
	}
}

static void on_disco_info(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	const struct contact_config *config = CPL_CONFIG(self, ev->host, struct contact_config);

	if (ev->user || ev->node.ptr)
		return;
	for (size_t k = 0; k < KINDS; k++) {
		const struct cpl_str_list *list = list_of(config, &kinds[k]);
		struct cpl_element *field;

		if (list->count == 0)
			continue;
		field = cpl_form_field(ev->answer, cpl_disco_form(ev, FORM_TYPE), cpl_str_of(kinds[k].var), NULL, NULL);
		for (size_t i = 0; i < list->count; i++)
			cpl_form_value(ev->answer, field, list->items[i]);
	}
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	cpl_disco_changed(host);
}

static const struct cpl_event_row events[] = {
	CPL_ON(disco_info, on_disco_info, FEATURE, 0),
	CPL_ON_END,
};

CPL_MODULE(contact) = {
	CPL_MODULE_HEAD("contact", "1.0", "Contact Addresses for XMPP Services (XEP-0157)"),
	.options = options,
	.config_size = sizeof(struct contact_config),
	.check = check,
	.events = events,
	.reconfigure = reconfigure,
};
