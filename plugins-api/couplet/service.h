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
#include <couplet/event.h>
#include <couplet/jid.h>
#include <couplet/store.h>

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

/*
 * For providers. A function of a service runs as part of the module that calls it: calls that are begun there are the caller's, and memory is charged to it. What is the provider's own has to be made
 * between these two: calls and jobs with callbacks of its own, so that neither a reload nor an unload closes its code while they are under way, and memory that it keeps. The caller's call
 * is begun before. `visit` is filled in by the first and handed to the second.
 */
struct cpl_visit {
	void *impl[8];
};
void cpl_provider_enter(struct cpl_module *provider, struct cpl_visit *visit);
void cpl_provider_leave(const struct cpl_visit *visit);
#pragma GCC visibility pop

/* ---- accounts, version 1: who may log in. The bundled provider is the module auth. ---- */

/* What make() and renew() want to know, and what they say of a failure. The size is frozen per API major. */
struct cpl_account_request {
	struct cpl_call call;
	/* Set by the caller. */
	enum cpl_account_origin origin; /* make */
	bool forced;                    /* make: see struct cpl_ev_creating */
	struct cpl_batch *batch;        /* rows to be committed together with it, may be NULL; taken over, and nulled, in any case */
	const struct cpl_session *keep; /* renew: the session that is not closed, may be NULL; borrowed until the call returns */
	/* Results when status is not 0. */
	enum cpl_condition condition;   /* what to answer a client */
	struct cpl_error error;         /* a reason for a person */
	void *reserved[4];
};

struct cpl_accounts_service {
	size_t size;
	/* Makes an account with a password, as an administrator's. CPL_E_EXISTS, CPL_E_INVALID (name or password not acceptable), CPL_E_DENIED, CPL_E_CONFLICT as below. */
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
	/* The members from here on are in providers whose `size` says so. */
	/*
	 * create() for anybody: fires account_creating, which may refuse it (CPL_E_DENIED). CPL_E_CONFLICT: a row that a handler or the caller has inserted is there already: somebody
	 * else was quicker.
	 */
	int (*make)(struct cpl_module *provider, struct cpl_account_request *request, struct cpl_scope *scope, struct cpl_jid account,
		    struct cpl_str password, void (*done)(struct cpl_call *call));
	/* set_password() with rows of the caller's in the same commit. CPL_E_CONFLICT as above. */
	int (*renew)(struct cpl_module *provider, struct cpl_account_request *request, struct cpl_scope *scope, struct cpl_jid account,
		     struct cpl_str password, void (*done)(struct cpl_call *call));
	/*
	 * Turns the password of an account that is imported (<couplet/transfer.h>) into the elements that the provider's transfer row reads, and adds them to `user`, which
	 * stays the caller's until the callback. An account that has this password already gets what is kept of it. CPL_E_INVALID: not acceptable.
	 */
	int (*import_password)(struct cpl_module *provider, struct cpl_call *call, struct cpl_scope *scope, struct cpl_jid account,
			       struct cpl_str password, struct cpl_stanza *user, void (*done)(struct cpl_call *call));
};

#endif
