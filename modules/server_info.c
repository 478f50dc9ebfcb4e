/* SPDX-License-Identifier: MIT */
/* What an administrator wants to tell of the service, as a form in the host's disco#info (XEP-0128 4.1). Hooks disco_info. */
#include <couplet/module.h>

#define FORM_TYPE "http://jabber.org/network/serverinfo"

struct server_info_config {
	struct cpl_str_list fields;
};
static const struct cpl_option options[] = {
	CPL_OPT_LIST(struct server_info_config, fields, NULL, CPL_RELOADABLE,
		     "What is told, as name=value, such as info_url=https://example.org/; a name that is given several times is a field of several values."),
	CPL_OPT_END,
};

/* False when the text is no name=value. */
static bool take(struct cpl_str text, struct cpl_str *name, struct cpl_str *value)
{
	ptrdiff_t at = cpl_str_find(text, '=');

	if (at <= 0)
		return false;
	*name = cpl_str_trim((struct cpl_str){text.ptr, (size_t)at});
	*value = cpl_str_trim((struct cpl_str){text.ptr + at + 1, text.len - (size_t)at - 1});
	return name->len > 0 && value->len > 0;
}

static bool ends_in_addresses(struct cpl_str name)
{
	struct cpl_str end = CPL_STR("-addresses");

	return name.len > end.len && cpl_str_equal((struct cpl_str){name.ptr + name.len - end.len, end.len}, end);
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct cpl_str_list *fields = &((const struct server_info_config *)values)->fields;

	for (size_t i = 0; i < fields->count; i++) {
		struct cpl_str name, value;

		if (!take(fields->items[i], &name, &value))
			fault(data, "fields", "has an entry that is not name=value, such as info_url=https://example.org/");
		else if (cpl_str_is(name, "FORM_TYPE"))
			fault(data, "fields", "has FORM_TYPE, which is always " FORM_TYPE);
		else if (ends_in_addresses(name))
			fault(data, "fields", "has addresses to contact, which are options of the module contact");
	}
}

static void on_disco_info(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	const struct cpl_str_list *fields = &CPL_CONFIG(self, ev->host, struct server_info_config)->fields;

	if (ev->user || ev->node.ptr)
		return;
	for (size_t i = 0; i < fields->count; i++) {
		struct cpl_element *form, *field;
		struct cpl_str name, value;

		if (!take(fields->items[i], &name, &value))
			continue;
		form = cpl_disco_form(ev, FORM_TYPE);
		field = cpl_form_get(form, name);
		cpl_form_value(ev->answer, field ? field : cpl_form_field(ev->answer, form, name, NULL, NULL), value);
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

CPL_MODULE(server_info) = {
	CPL_MODULE_HEAD("server_info", "1.0", "Information about the service in its disco#info (XEP-0128)"),
	.options = options,
	.config_size = sizeof(struct server_info_config),
	.check = check,
	.events = events,
	.reconfigure = reconfigure,
};
