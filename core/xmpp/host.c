/* SPDX-License-Identifier: MIT */
/* Hosts: the table of served domains. */
#include "core/xmpp/host.h"

#include "core/hook/dispatch.h"
#include "core/hook/slot.h"
#include "core/net/tls_context.h"

struct host {
	struct cpl_host pub;
	const struct config_host *config;
	bool gone; /* destroyed, but calls of its scope are still to come back */
};

static struct cpl_map hosts;

static void host_free(struct host *host)
{
	slot_release_all(&host->pub.slots, CPL_SLOT_OF_HOST);
	dispatch_unref(&host->pub.dispatch);
	cpl_map_finish(&host->pub.users);
	cpl_map_finish(&host->pub.sessions);
	cpl_jid_free(&host->pub.jid);
	cpl_free(host);
}

static void host_scope_unref(struct cpl_scope *scope)
{
	struct host *host = CPL_CONTAINER(scope, struct host, pub.scope);

	if (host->gone && scope->refs == 0)
		host_free(host);
}

struct cpl_host *host_create(const struct config_host *config)
{
	struct host *host = CPL_NEW(struct host);
	struct cpl_jid name = {config->name.ptr, 0, (uint16_t)config->name.len, 0, 0};

	host->pub.jid = cpl_jid_dup(name);
	host->pub.name = cpl_jid_domain(host->pub.jid);
	host->config = config;
	host->pub.component = config->component.ptr != NULL;
	cpl_scope_init(&host->pub.scope, host_scope_unref);
	cpl_map_put(&hosts, host->pub.name, host);
	return &host->pub;
}

void host_destroy(struct cpl_host **pointer)
{
	struct host *host;

	if (!*pointer)
		return;
	host = CPL_CONTAINER(*pointer, struct host, pub);
	*pointer = NULL;
	cpl_map_remove(&hosts, host->pub.name);
	cpl_scope_end(&host->pub.scope);
	host->gone = true;
	if (host->pub.scope.refs == 0)
		host_free(host);
}

const struct config_host *host_config(const struct cpl_host *host)
{
	return CPL_CONTAINER(host, struct host, pub)->config;
}

void host_set_config(struct cpl_host *host, const struct config_host *config)
{
	CPL_CONTAINER(host, struct host, pub)->config = config;
	if (config)
		host->component = config->component.ptr != NULL;
}

size_t host_count(void)
{
	return hosts.count;
}

void cpl_host_set_quota(struct cpl_host *host, int64_t bytes)
{
	host->quota = bytes > 0 ? bytes : 0;
}

struct cpl_host *cpl_host_find(struct cpl_str domain)
{
	struct host *host = cpl_map_get(&hosts, domain);

	return host ? &host->pub : NULL;
}

struct cpl_host *cpl_host_next(size_t *at)
{
	struct host *host = cpl_map_next(&hosts, at);

	return host ? &host->pub : NULL;
}

bool cpl_host_has_certificate(const struct cpl_host *host)
{
	return tls_contexts_current() && tls_contexts_serves(tls_contexts_current(), host->name);
}
