/* SPDX-License-Identifier: MIT */
/*
 * Hosts: the domains that are served. Owns the struct cpl_host objects and finds them by name; what a host's modules have registered is in
 * its dispatch table. Session thread.
 */
#ifndef CORE_XMPP_HOST_H
#define CORE_XMPP_HOST_H

#include "core/config/config.h"
#include <couplet/session.h>

/* Makes a host and puts it into the table. Its name and configuration are borrowed from `config`: host_set_config() must follow a reload. */
struct cpl_host *host_create(const struct config_host *config);
/* Takes it out and frees it once no call of its scope is under way. No session, no user may be left. Nulls. */
void host_destroy(struct cpl_host **host);
/* NULL for a host that is stopping: the configuration in force does not have it. */
const struct config_host *host_config(const struct cpl_host *host);
void host_set_config(struct cpl_host *host, const struct config_host *config);
size_t host_count(void);

#endif
