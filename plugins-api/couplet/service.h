/* SPDX-License-Identifier: MIT */
/*
 * Services: typed function tables that one module provides and others use, so that a third party can replace a provider.
 *
 * A provider lists CPL_PROVIDE("accounts", 1, &table) in its descriptor; the table begins with its size. A user declares
 * CPL_SERVICE_REF(accounts_ref, "accounts", 1) and lists it in `needs` (CPL_NEED) or (CPL_WANT: works without). Per host: the
 * provider is the module that the host lists. Look up at each use, never keep the pointer: a reload binds anew.
 */
#ifndef COUPLET_SERVICE_H
#define COUPLET_SERVICE_H

#include <couplet/call.h>
#include <couplet/jid.h>

struct cpl_host;
struct cpl_user;

struct cpl_service_ref {
	const char *name;
	unsigned version; /* the provider's must be equal or above within its size */
	uint32_t id;      /* filled in at load */
};
#define CPL_SERVICE_REF(variable, name, version) static struct cpl_service_ref variable = {name, version, 0}

struct cpl_provide_row {
	const char *name;
	unsigned version;
	const void *service;
};
struct cpl_need_row {
	struct cpl_service_ref *ref;
	bool optional;
};

/* The service's table on this host (NULL host: a global service such as storage), and the module to hand to its functions; NULL when nobody provides it. */
#pragma GCC visibility push(default)
const void *cpl_service_find(struct cpl_host *host, const struct cpl_service_ref *ref, struct cpl_module **provider);
#pragma GCC visibility pop

/* ---- accounts, version 1: who may log in. The bundled provider is the module auth. ---- */

struct cpl_accounts_service {
	size_t size;
	/* Makes an account with a password. CPL_E_EXISTS, CPL_E_INVALID (name or password not acceptable). */
	int (*create)(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
		      void (*done)(struct cpl_call *call));
	/* Closes the account's sessions with `reset` after the change (but for `keep`, which may be NULL). CPL_E_NOT_FOUND. */
	int (*set_password)(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			    struct cpl_str password, const struct cpl_session *keep, void (*done)(struct cpl_call *call));
	/* Status 0: the password is right; CPL_E_DENIED: it is not, or there is no such account (same time taken). */
	int (*check)(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account, struct cpl_str password,
		     void (*done)(struct cpl_call *call));
	int (*remove)(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
		      void (*done)(struct cpl_call *call));
};

#endif
