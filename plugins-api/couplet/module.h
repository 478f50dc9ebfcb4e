/* SPDX-License-Identifier: MIT */
/*
 * The one header of a module. A module is one descriptor:
 *
 *     CPL_MODULE(ping) = {
 *         CPL_MODULE_HEAD("ping", "1.0", "XMPP Ping (XEP-0199)"),
 *         .names = ping_names,
 *         .iqs = ping_iqs,
 *         .features = ping_features,
 *     };
 *
 * Everything that the tables declare is registered when the module starts and released when it is unloaded; the module unregisters nothing by
 * hand. All its code runs on the session thread. plugins-api/README.md shows the way from an empty folder to a loaded module.
 */
#ifndef COUPLET_MODULE_H
#define COUPLET_MODULE_H

#include <couplet/account.h>
#include <couplet/blocklist.h>
#include <couplet/call.h>
#include <couplet/command-run.h>
#include <couplet/command.h>
#include <couplet/conn.h>
#include <couplet/error.h>
#include <couplet/event.h>
#include <couplet/form.h>
#include <couplet/http.h>
#include <couplet/list.h>
#include <couplet/log.h>
#include <couplet/map.h>
#include <couplet/memory.h>
#include <couplet/metric.h>
#include <couplet/option.h>
#include <couplet/permission.h>
#include <couplet/publish.h>
#include <couplet/schedule.h>
#include <couplet/service.h>
#include <couplet/service-archive.h>
#include <couplet/service-invites.h>
#include <couplet/service-roster.h>
#include <couplet/service-tls.h>
#include <couplet/session.h>
#include <couplet/stanza.h>
#include <couplet/store.h>
#include <couplet/str.h>
#include <couplet/time.h>
#include <couplet/transfer.h>

/* What is said here of types holds in every module, whatever flags it is built with: a handler or callback of the wrong type does not compile. */
#pragma GCC diagnostic error "-Wincompatible-pointer-types"

#define CPL_API_MAJOR 1
#define CPL_API_MINOR 1

/* ---- rows of a descriptor; the descriptor stores each row's size, so rows may grow at the end ---- */

/*
 * An IQ request {kind of request, name of its payload, target} that goes straight to this handler, the only one in a host. The handler answers
 * with cpl_iq_result()/cpl_send() or cpl_iq_error() and returns CPL_HANDLED; CPL_NEXT leaves it to the event `iq`. It may suspend. `ev->user` is the account for SELF
 * and BARE (NULL: no such account; BARE requests for unknown accounts are answered by the core and never get here). `ev->session` is NULL for requests from elsewhere, and for SELF where the
 * request was made in the account's name (XEP-0356).
 *
 * On a component's host (host->component) there are no accounts: ev->user is NULL, HOST is the domain, BARE any localpart@domain, FULL any
 * localpart@domain/resource, whether or not the module knows it. Requests to full addresses of other hosts go to their sessions and are never claimed.
 */
enum { CPL_IQ_GET = 1, CPL_IQ_SET = 2 };
enum { CPL_TO_SELF = 1, CPL_TO_BARE = 2, CPL_TO_HOST = 4, CPL_TO_FULL = 8 };
struct cpl_iq_row {
	unsigned types;            /* CPL_IQ_GET | CPL_IQ_SET */
	unsigned targets;          /* CPL_TO_... */
	struct cpl_name *name;     /* of the payload; listed in `names`, too */
	enum cpl_flow (*handler)(struct cpl_module *self, struct cpl_ev_stanza *ev);
	unsigned sessions;         /* session types it may come from, as CPL_IN() mask; 0: bound c2s, and anything that is no local session */
};

/* A child of the stream that is not a stanza (STARTTLS, SASL, stream management), on sessions of the given types. */
struct cpl_ev_nonza {
	struct cpl_event event;
	struct cpl_session *session;
	struct cpl_stanza *nonza;
};
struct cpl_nonza_row {
	struct cpl_name *name;
	unsigned sessions; /* CPL_IN() mask; on others it is answered as any element out of place */
	enum cpl_flow (*handler)(struct cpl_module *self, struct cpl_ev_nonza *ev);
};

/* What disco#info says of a host (or of an account). */
enum { CPL_OF_HOST = 1, CPL_OF_ACCOUNT = 2 };
struct cpl_feature_row {
	const char *var;
	unsigned of;
};
struct cpl_identity_row {
	const char *category, *type, *name;
	unsigned of;
};

/* A name that may stand under listen: in the configuration. */
struct cpl_listen_row {
	const char *name;
	uint16_t port;
	enum cpl_session_type type;
	bool direct_tls;
};

/* Per-object data: a pointer per object, freed by `release` (NULL: cpl_free). */
enum cpl_slot_of { CPL_SLOT_OF_SESSION, CPL_SLOT_OF_USER, CPL_SLOT_OF_HOST };
struct cpl_slot {
	const char *name;
	enum cpl_slot_of of;
	unsigned layout; /* raise when the struct changes; a reload keeps memory of the same layout */
	void (*release)(void *data);
	/* Old data to new, on a reload with another layout: takes over the old data and returns the new, allocated with cpl_alloc() (NULL: none). NULL: old data is released with the old code. */
	void *(*migrate)(unsigned old_layout, void *data);
	uint32_t index; /* filled in at load */
	size_t size;
};

/* A slot of one file: CPL_SLOT(visits_slot, SESSION, struct visits, 1, NULL); the object is SESSION, USER or HOST. With `migrate`: CPL_SLOT_MIGRATE. */
#define CPL_SLOT(variable, object, type, layout, release) CPL_SLOT_MIGRATE(variable, object, type, layout, release, NULL)
#define CPL_SLOT_MIGRATE(variable, object, type, layout, release, migrate)                                                       \
	CPL_SLOT_TYPES(variable, object, type);                                                                                  \
	static struct cpl_slot variable = {#variable, CPL_SLOT_OF_##object, layout, release, migrate, 0, sizeof(type)}
/* A slot of several files of a module: declared in their header, defined in one of them. */
#define CPL_SLOT_DECLARE(variable, object, type)                                                                                 \
	CPL_SLOT_TYPES(variable, object, type);                                                                                  \
	extern struct cpl_slot variable
#define CPL_SLOT_DEFINE(variable, layout, release, migrate)                                                                      \
	struct cpl_slot variable = {#variable, (enum cpl_slot_of)variable##_of, layout, release, migrate, 0, sizeof(variable##_data)}
/* What CPL_SLOT_GET() and its like look at. */
#define CPL_SLOT_TYPES(variable, object, type)                                                                                   \
	typedef type variable##_data __attribute__((unused));                                                                    \
	typedef CPL_SLOT_IN_##object variable##_object __attribute__((unused));                                                  \
	enum { variable##_of = CPL_SLOT_OF_##object }
#define CPL_SLOT_IN_SESSION struct cpl_session
#define CPL_SLOT_IN_USER struct cpl_user
#define CPL_SLOT_IN_HOST struct cpl_host

/*
 * The data of a session, user or host in a slot, as a pointer to the slot's type: NULL when there is none yet; MAKE makes it (zeroed) at
 * first use; CLEAR releases it. An object of the wrong kind does not compile.
 */
#define CPL_SLOT_GET(object, slot) ((slot##_data *)cpl_slot_get(&(1 ? (object) : (const slot##_object *)NULL)->slots, &(slot)))
#define CPL_SLOT_MAKE(object, slot) ((slot##_data *)cpl_slot_make(&(1 ? (object) : (slot##_object *)NULL)->slots, &(slot)))
#define CPL_SLOT_CLEAR(object, slot) cpl_slot_clear(&(1 ? (object) : (slot##_object *)NULL)->slots, &(slot))

#pragma GCC visibility push(default)

/* What these three call. `slots` is &session->slots and so on. */
void *cpl_slot_get(const struct cpl_slots *slots, const struct cpl_slot *slot);
void *cpl_slot_make(struct cpl_slots *slots, const struct cpl_slot *slot);
void cpl_slot_clear(struct cpl_slots *slots, const struct cpl_slot *slot);

/* State that moves over a reload. */
struct cpl_bag;
void cpl_bag_put_int(struct cpl_bag *bag, const char *key, int64_t value);
void cpl_bag_put_bytes(struct cpl_bag *bag, const char *key, struct cpl_str value);
bool cpl_bag_get_int(const struct cpl_bag *bag, const char *key, int64_t *value);
bool cpl_bag_get_bytes(const struct cpl_bag *bag, const char *key, struct cpl_str *value); /* a view into the bag */

#pragma GCC visibility pop

/* ---- the descriptor ---- */

struct cpl_descriptor {
	uint32_t size;
	uint16_t api_major, api_minor;
	uint16_t event_row, iq_row, nonza_row, feature_row, identity_row, listen_row, option_row, command_row;
	const char *name;    /* [a-z][a-z0-9_]*, as in the configuration and the file's name */
	const char *version;
	const char *summary;
	/* Tables, each ended as its rows' END macro says or by a zeroed row; NULL: none. */
	struct cpl_name *const *names; /* NULL-terminated: every CPL_NAME of the module */
	const struct cpl_option *options;
	size_t config_size;            /* of the options' struct */
	void (*check)(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data);
	const struct cpl_event_row *events;
	const struct cpl_iq_row *iqs;
	const struct cpl_nonza_row *nonzas;
	const struct cpl_feature_row *features;
	const struct cpl_identity_row *identities;
	const struct cpl_listen_row *listens;
	const struct cpl_command *commands;
	const struct cpl_store *const *stores; /* NULL-terminated */
	struct cpl_slot *const *slots;         /* NULL-terminated */
	const struct cpl_need_row *needs;
	const struct cpl_provide_row *provides;
	/*
	 * Entry points, all optional, in the order of a life. load and restore return 0 or a code with *error; a load that fails leaves nothing behind.
	 * load: once, before anything else; services of others can be looked up from start on. start: for each host, once it is in the host's tables; also in the new
	 * generation after a reload. reconfigure: options have changed; host NULL: the global ones. save, restore: at a reload; save changes nothing. stop: for each
	 * host, at its end or the module's, not at a reload. unload: once, when nothing of the module is in flight any more.
	 */
	int (*load)(struct cpl_module *self, struct cpl_error *error);
	void (*start)(struct cpl_module *self, struct cpl_host *host);
	void (*reconfigure)(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now);
	void (*save)(struct cpl_module *self, struct cpl_bag *bag);
	int (*restore)(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error);
	void (*stop)(struct cpl_module *self, struct cpl_host *host);
	void (*unload)(struct cpl_module *self);
	unsigned schema; /* of what `save` puts into the bag */
	/* What came later, with the sizes of its rows. */
	uint16_t permission_row, publish_row, hear_row, schedule_row;
	struct cpl_permission *const *permissions; /* NULL-terminated */
	const struct cpl_publish_row *publishes;
	const struct cpl_hear_row *hears;
	const struct cpl_schedule_row *schedule;
	uint16_t transfer_row;
	const struct cpl_transfer_row *transfers;
};

/* The symbol has the name that libltdl looks for, and is the only one that a module shows. */
#define CPL_MODULE(name)                                                                                                         \
	extern const struct cpl_descriptor name##_LTX_cpl_module;                                                                \
	__attribute__((visibility("default"))) const struct cpl_descriptor name##_LTX_cpl_module

#define CPL_MODULE_HEAD(module_name, module_version, module_summary)                                                             \
	.size = sizeof(struct cpl_descriptor), .api_major = CPL_API_MAJOR, .api_minor = CPL_API_MINOR,                           \
	.event_row = sizeof(struct cpl_event_row), .iq_row = sizeof(struct cpl_iq_row), .nonza_row = sizeof(struct cpl_nonza_row), \
	.feature_row = sizeof(struct cpl_feature_row), .identity_row = sizeof(struct cpl_identity_row),                          \
	.listen_row = sizeof(struct cpl_listen_row), .option_row = sizeof(struct cpl_option),                                    \
	.command_row = sizeof(struct cpl_command), .permission_row = sizeof(struct cpl_permission),                              \
	.publish_row = sizeof(struct cpl_publish_row), .hear_row = sizeof(struct cpl_hear_row),                                  \
	.schedule_row = sizeof(struct cpl_schedule_row), .transfer_row = sizeof(struct cpl_transfer_row), .name = module_name, .version = module_version, .summary = module_summary

/* ---- what a module may ask of itself and the server ---- */

#pragma GCC visibility push(default)

/* The name in the descriptor; lives as long as the module. */
const char *cpl_module_name(const struct cpl_module *self);
/* The module's own data, one pointer. */
void *cpl_module_data(const struct cpl_module *self);
void cpl_module_set_data(struct cpl_module *self, void *data);
/* Ends when the module is unloaded. */
struct cpl_scope *cpl_module_scope(struct cpl_module *self);
/* The validated options for a host (NULL host: the global ones); immutable, swapped whole by a reload of the configuration: look up at each use. */
const void *cpl_module_config(const struct cpl_module *self, const struct cpl_host *host);
#define CPL_CONFIG(self, host, type) ((const type *)cpl_module_config((self), (host)))

/* The server's data directory (NUL-terminated), its version, and its start (ms). */
struct cpl_str cpl_data_directory(void);
const char *cpl_version(void);
int64_t cpl_started_at(void);
/* True for an address that the option `admins` names. */
bool cpl_is_admin(struct cpl_jid jid);
/* The addresses that it names: *at = 0 at first; false at the end. The view lives until the next reload of the configuration. */
bool cpl_admin_next(size_t *at, struct cpl_str *jid);
/* A bound of the core's options by name, e.g. "directed_presence", "pending_requests"; 0 when there is none of that name. Cheap. */
int64_t cpl_core_option(const char *name);

#pragma GCC visibility pop

/* A result for ev->stanza, ready to be filled and sent with cpl_send(). */
static inline struct cpl_stanza *cpl_iq_result(const struct cpl_ev_stanza *ev)
{
	return cpl_stanza_result(ev->stanza);
}
/* Answers an error and says CPL_HANDLED, so that "return cpl_iq_error(ev, CPL_BAD_REQUEST, NULL)" reads well. */
static inline enum cpl_flow cpl_iq_error(const struct cpl_ev_stanza *ev, enum cpl_condition condition, const char *text)
{
	cpl_bounce(ev->stanza, condition, text);
	return CPL_HANDLED;
}

#pragma GCC visibility push(default)

/*
 * A request that asks for something to be kept: commits the batch (taken over, and nulled) and answers when that is done: an empty result, resource-constraint for
 * CPL_E_FULL, internal-server-error for anything else, which is logged. The request is not done before that. Always CPL_HANDLED.
 */
enum cpl_flow cpl_iq_commit(const struct cpl_ev_stanza *ev, struct cpl_batch **batch);
/*
 * A request for what is kept: reads one row of a keyval (key CPL_NONE) or map store of the account ev->user and hands it, or NULL when there is none, to `answer`, which
 * answers. What cannot be read is logged and answered with internal-server-error. Always CPL_HANDLED.
 */
enum cpl_flow cpl_iq_lookup(const struct cpl_ev_stanza *ev, const struct cpl_store *store, struct cpl_str key,
			    void (*answer)(const struct cpl_stanza *request, const struct cpl_row *row));

/* All features and identities that modules have declared for a host, without repeats, sorted: for disco. The views live until the next load or unload. */
struct cpl_str_list cpl_host_features(struct cpl_host *host, unsigned of);
size_t cpl_host_identities(struct cpl_host *host, unsigned of, const struct cpl_identity_row **rows);

#pragma GCC visibility pop

#include <couplet/frozen.h>

#endif
