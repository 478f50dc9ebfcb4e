/* SPDX-License-Identifier: MIT */
/* Software Version (XEP-0092). */
#include <couplet/module.h>

#include <sys/utsname.h>

struct version_config {
	bool show_os;
};
static const struct cpl_option options[] = {
	CPL_OPT_BOOL(
		struct version_config, show_os, "false", CPL_RELOADABLE,
		"Tell the name of the operating system, too; it may help an attacker (XEP-0092 section 5)."),
	CPL_OPT_END,
};

CPL_NAME(query_name, "jabber:iq:version", "query");
CPL_NAME(name_name, "jabber:iq:version", "name");
CPL_NAME(version_name, "jabber:iq:version", "version");
CPL_NAME(os_name, "jabber:iq:version", "os");
static struct cpl_name *const names[] = {&query_name, &name_name, &version_name, &os_name, NULL};

static enum cpl_flow on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result = cpl_iq_result(ev);
	struct cpl_element *query = cpl_add(result, result->root, &query_name);
	struct utsname system;

	cpl_add_with_text(result, query, &name_name, CPL_STR("Couplet"));
	cpl_add_with_text(result, query, &version_name, cpl_str_of(cpl_version()));
	if (CPL_CONFIG(self, ev->host, struct version_config)->show_os && uname(&system) == 0)
		cpl_add_with_text(result, query, &os_name, cpl_str_of(system.sysname));
	cpl_send(&result);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &query_name, on_query, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"jabber:iq:version", CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(version) = {
	CPL_MODULE_HEAD("version", "1.0", "Software Version (XEP-0092)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct version_config),
	.iqs = iqs,
	.features = features,
};
