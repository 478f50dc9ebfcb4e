/* SPDX-License-Identifier: MIT */
/* coupletctl config diff: what a reload would change. The file is judged as for a reload, compared with what runs, and dropped again. */
#include "core/server_state.h"

#include "core/module/manager.h"
#include "core/net/tls_context.h"
#include "core/xmpp/host.h"

struct diff {
	const struct config *now; /* as the file has it */
	const struct tls_contexts *contexts;
	void (*tell)(void *data, const struct server_difference *difference);
	void *data;
};

static void tell(const struct diff *diff, const char *what, struct cpl_str scope, struct cpl_str name, struct cpl_str before,
		 struct cpl_str after)
{
	diff->tell(diff->data, &(struct server_difference){what, scope, name, before, after, false});
}

/* ---- options ---- */

/* True when the values differ; both as text. The contents of secrets are compared, not their text. */
static bool option_differs(const struct cpl_option *option, const void *before, const void *after, struct cpl_buf *then, struct cpl_buf *now)
{
	cpl_buf_clear(then);
	cpl_buf_clear(now);
	config_show(option, before, then);
	config_show(option, after, now);
	if (option->kind == CPL_OPTION_SECRET)
		return !cpl_str_equal(*(const struct cpl_str *)((const char *)before + option->offset),
				      *(const struct cpl_str *)((const char *)after + option->offset));
	return !cpl_str_equal(cpl_buf_str(then), cpl_buf_str(now));
}

/*
 * global_before and global_after (NULL: none): the values for all hosts; what a host only inherits from them has been told.
 */
static void diff_options(const struct diff *diff, struct cpl_str scope, const char *module, const struct cpl_option *options,
			 const void *before, const void *after, const void *global_before, const void *global_after)
{
	struct cpl_buf name = {0}, texts[4] = {{0}};

	for (const struct cpl_option *o = options; o && o->name && before && after; o++) {
		if (!option_differs(o, before, after, &texts[0], &texts[1]))
			continue;
		if (global_before && global_after && option_differs(o, global_before, global_after, &texts[2], &texts[3]) &&
		    !option_differs(o, before, global_before, &texts[2], &texts[3]) &&
		    !option_differs(o, after, global_after, &texts[2], &texts[3]))
			continue;
		/* The texts once more: those compared above were others. */
		option_differs(o, before, after, &texts[0], &texts[1]);
		cpl_buf_clear(&name);
		cpl_buf_addf(&name, "%s%s%s", module, module[0] ? "." : "", o->name);
		diff->tell(diff->data, &(struct server_difference){"option", scope, cpl_buf_str(&name), cpl_buf_str(&texts[0]),
								   cpl_buf_str(&texts[1]), !(o->flags & CPL_RELOADABLE)});
	}
	for (size_t i = 0; i < 4; i++)
		cpl_buf_finish(&texts[i]);
	cpl_buf_finish(&name);
}

/* Those of a module that runs and goes on: for all hosts, then for each. */
static void diff_module_options(const struct diff *diff, struct cpl_module *module)
{
	const struct cpl_descriptor *descriptor = manager_descriptor(module);
	struct cpl_str name = cpl_str_of(descriptor->name);
	const void *before = cpl_module_config(module, NULL), *after = NULL;
	struct cpl_host *host;
	size_t at = 0;

	for (size_t i = 0; i < diff->now->module_count; i++)
		if (cpl_str_equal(diff->now->modules[i], name))
			after = diff->now->module_options[i];
	diff_options(diff, CPL_NONE, descriptor->name, descriptor->options, before, after, NULL, NULL);
	while ((host = cpl_host_next(&at))) {
		const struct config_host *of = config_host_find(diff->now, host->name);

		if (of && manager_on_host(module, host))
			diff_options(diff, host->name, descriptor->name, descriptor->options, cpl_module_config(module, host),
				     config_options_of(diff->now, of, name), before, after);
	}
}

/* ---- hosts and their modules ---- */

static bool lists(const struct config_host *host, struct cpl_str module)
{
	for (size_t i = 0; host && i < host->module_count; i++)
		if (cpl_str_equal(host->modules[i], module))
			return true;
	return false;
}

/* `of`: the host in the file; `host`: among those that are served. One of them may be NULL. */
static void diff_host_modules(const struct diff *diff, const struct config_host *of, const struct cpl_host *host)
{
	struct cpl_str scope = of ? of->name : host->name;
	struct cpl_module *module;
	size_t at = 0;

	for (size_t i = 0; of && i < of->module_count; i++) {
		module = manager_find(of->modules[i]);
		if (!module || !host || !manager_on_host(module, host))
			tell(diff, "module", scope, of->modules[i], CPL_NONE, CPL_STR("started"));
	}
	while (host && (module = manager_next(&at)))
		if (manager_on_host(module, host) && manager_find(cpl_str_of(cpl_module_name(module))) == module &&
		    !lists(of, cpl_str_of(cpl_module_name(module))))
			tell(diff, "module", scope, cpl_str_of(cpl_module_name(module)), CPL_STR("started"), CPL_NONE);
}

static struct cpl_str shown(struct cpl_str path)
{
	return path.ptr ? path : CPL_NONE;
}

static void diff_certificate(const struct diff *diff, const struct config_host *then, const struct config_host *now)
{
	struct cpl_buf before = {0}, after = {0};

	if (!cpl_str_equal(then->certificate, now->certificate))
		tell(diff, "option", now->name, CPL_STR("certificate"), shown(then->certificate), shown(now->certificate));
	if (!cpl_str_equal(then->key, now->key))
		tell(diff, "option", now->name, CPL_STR("key"), shown(then->key), shown(now->key));
	tls_contexts_describe(tls_contexts_current(), then->name, &before);
	tls_contexts_describe(diff->contexts, now->name, &after);
	if (!cpl_str_equal(cpl_buf_str(&before), cpl_buf_str(&after)))
		tell(diff, "certificate", now->name, CPL_NONE, cpl_buf_str(&before), cpl_buf_str(&after));
	cpl_buf_finish(&before);
	cpl_buf_finish(&after);
}

static struct cpl_str kind_of(const struct config_host *host)
{
	return host->component.ptr ? host->component : CPL_STR("served");
}

static void diff_hosts(const struct diff *diff)
{
	for (size_t i = 0; i < diff->now->host_count; i++) {
		const struct config_host *of = &diff->now->hosts[i], *then = config_host_find(server.config, of->name);
		const struct cpl_host *host = then ? cpl_host_find(of->name) : NULL;

		if (!then)
			tell(diff, "host", of->name, CPL_NONE, CPL_NONE, kind_of(of));
		else
			diff_certificate(diff, then, of);
		if (then && !cpl_str_equal(then->component, of->component))
			tell(diff, "option", of->name, CPL_STR("component"), then->component, of->component);
		diff_host_modules(diff, of, host);
	}
	for (size_t i = 0; i < server.config->host_count; i++) {
		const struct config_host *then = &server.config->hosts[i];
		const struct cpl_host *host = cpl_host_find(then->name);

		if (config_host_find(diff->now, then->name))
			continue;
		tell(diff, "host", then->name, CPL_NONE, kind_of(then), CPL_NONE);
		if (host)
			diff_host_modules(diff, NULL, host);
	}
}

/* ---- listeners ---- */

static bool listens(const struct config *config, const struct config_listen *listen, struct cpl_str address)
{
	for (size_t i = 0; i < config->listen_count; i++) {
		const struct config_listen *other = &config->listen[i];

		if (strcmp(other->service, listen->service) != 0 || other->port != listen->port || other->direct_tls != listen->direct_tls)
			continue;
		for (size_t j = 0; j < other->address.count; j++)
			if (cpl_str_equal(other->address.items[j], address))
				return true;
	}
	return false;
}

/* Those of `config` that `other` has not. */
static void diff_listeners(const struct diff *diff, const struct config *config, const struct config *other, bool added)
{
	struct cpl_buf text = {0};

	for (size_t i = 0; i < config->listen_count; i++) {
		const struct config_listen *listen = &config->listen[i];

		for (size_t j = 0; j < listen->address.count; j++) {
			if (listens(other, listen, listen->address.items[j]))
				continue;
			cpl_buf_clear(&text);
			cpl_buf_addf(&text, "%.*s port %u%s", CPL_ARG(listen->address.items[j]), listen->port,
				     listen->direct_tls ? ", direct TLS" : "");
			tell(diff, "listener", CPL_NONE, cpl_str_of(listen->service), added ? CPL_NONE : cpl_buf_str(&text),
			     added ? cpl_buf_str(&text) : CPL_NONE);
		}
	}
	cpl_buf_finish(&text);
}

/* ---- the whole ---- */

int server_diff(struct server_read *read, void (*tell_one)(void *data, const struct server_difference *difference), void *data)
{
	const struct config *config = read->config;
	struct diff diff = {config, read->contexts, tell_one, data};
	struct cpl_module *module;
	size_t at = 0;
	int status = server_judge(read);

	if (status != 0)
		return status;
	diff_options(&diff, CPL_NONE, "", config_core_options, &server.config->core, &config->core, NULL, NULL);
	diff_listeners(&diff, server.config, config, false);
	diff_listeners(&diff, config, server.config, true);
	diff_hosts(&diff);
	while ((module = manager_next(&at)))
		if (manager_find(cpl_str_of(cpl_module_name(module))) == module)
			diff_module_options(&diff, module);
	manager_discard();
	return 0;
}
