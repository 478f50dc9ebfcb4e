/* SPDX-License-Identifier: MIT */
/* Service Outage Status (XEP-0455): where the state of the service is told when the service itself cannot, in the host's disco#info. Hooks disco_info. */
#include <couplet/module.h>

#define FORM_TYPE "urn:xmpp:sos:0"

struct outage_config {
	struct cpl_str_list addresses;
};
static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct outage_config, addresses, NULL, CPL_RELOADABLE,
		     "Where the state of the service is told in the format of XEP-0455, such as https://status.example.net/xmpp.json; better not on the same machine."),
	CPL_OPT_END,
};

/* XEP-0455 3.1: URIs, which should be those of HTTP or HTTPS. */
static bool is_web_address(struct cpl_str address)
{
	return cpl_str_is_uri(address) && (cpl_str_starts(address, CPL_STR("https://")) || cpl_str_starts(address, CPL_STR("http://")));
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct cpl_str_list *addresses = &((const struct outage_config *)values)->addresses;

	for (size_t i = 0; i < addresses->count; i++)
		if (!is_web_address(addresses->items[i]))
			fault(data, "addresses", "has an address that is no web address, such as https://status.example.net/xmpp.json");
}

static void on_disco_info(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	const struct cpl_str_list *addresses = &CPL_CONFIG(self, ev->host, struct outage_config)->addresses;
	struct cpl_element *field;

	if (ev->user || ev->node.ptr || addresses->count == 0)
		return;
	field = cpl_form_field(ev->answer, cpl_disco_form(ev, FORM_TYPE), CPL_STR("external-status-addresses"), NULL, NULL);
	for (size_t i = 0; i < addresses->count; i++)
		cpl_form_value(ev->answer, field, addresses->items[i]);
}

static void reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	cpl_disco_changed(host);
}

static const struct cpl_event_row events[] = {
	CPL_ON(disco_info, on_disco_info, FEATURE, 0),
	CPL_ON_END,
};

CPL_MODULE(outage) = {
	CPL_MODULE_HEAD("outage", "1.0", "Service Outage Status (XEP-0455)"),
	.options = options,
	.config_size = sizeof(struct outage_config),
	.check = check,
	.events = events,
	.reconfigure = reconfigure,
};
