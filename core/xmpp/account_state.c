/* SPDX-License-Identifier: MIT */
/* Disabling and enabling accounts, and reading their state. */
#include "core/xmpp/account_state.h"
#include "core/xmpp/account_change.h"
#include "core/xmpp/user.h"

#include "core/base/account.h"

#include <couplet/log.h>
#include <couplet/time.h>

enum { COLUMN_SINCE, COLUMN_REASON, COLUMN_ACTOR, COLUMNS };
static const struct cpl_column columns[] = {
	{"since", CPL_COLUMN_INTEGER, false}, {"reason", CPL_COLUMN_TEXT, false}, {"actor", CPL_COLUMN_TEXT, false}, {NULL, CPL_COLUMN_TEXT, false}};
const struct cpl_store disabled_store = {"disabled", CPL_STORE_KEYVAL, 1, columns, NULL};

/* ---- changing it ---- */

struct change {
	struct account_change base;
	struct cpl_jid actor;
	struct cpl_buf reason;
	int64_t until;
	bool disable, has_reason;
};

static void change_release(struct account_change *base)
{
	struct change *change = CPL_CONTAINER(base, struct change, base);

	cpl_jid_free(&change->actor);
	cpl_buf_finish(&change->reason);
}

static void change_committed(struct account_change *base, struct cpl_user *user)
{
	struct change *change = CPL_CONTAINER(base, struct change, base);
	struct cpl_ev_account ev = {.host = user->host, .jid = user->jid, .what = CPL_ACCOUNT_STATE};

	user_set_disabled(user, change->disable, change->until);
	cpl_log_info("account %s jid=%.*s by=%.*s", change->disable ? "disabled" : "enabled", CPL_ARG(cpl_jid_str(user->jid)),
		     CPL_ARG(cpl_jid_str(change->actor)));
	cpl_fire_account_changed(user->host, &ev);
	/* Those that are not bound yet, too. */
	if (change->disable)
		cpl_account_close_sessions(user->jid, NULL, CPL_STREAM_NOT_AUTHORIZED, "The account has been disabled");
}

static struct cpl_batch *change_batch(struct account_change *base)
{
	struct change *change = CPL_CONTAINER(base, struct change, base);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value values[COLUMNS] = {
		[COLUMN_SINCE] = CPL_INTEGER(cpl_now()),
		[COLUMN_REASON] = change->has_reason ? CPL_BYTES(cpl_buf_str(&change->reason)) : CPL_NULL,
		[COLUMN_ACTOR] = cpl_jid_is_set(change->actor) ? CPL_BYTES(cpl_jid_str(change->actor)) : CPL_NULL,
	};

	if (change->disable && change->until)
		cpl_batch_account_disable_until(batch, base->account, change->until);
	else
		cpl_batch_account_disable(batch, base->account, change->disable);
	if (change->disable)
		cpl_batch_set(batch, &disabled_store, base->account, CPL_NONE, values);
	else
		cpl_batch_remove(batch, &disabled_store, base->account, CPL_NONE);
	return batch;
}

int cpl_account_set_disabled(struct cpl_account_call *request, struct cpl_scope *scope, struct cpl_jid account, const struct cpl_disabling *disabling,
			     void (*done)(struct cpl_call *call))
{
	struct account_visit visit;
	struct change *change;
	int status;

	if (disabling && ((disabling->until && disabling->until <= cpl_now()) || disabling->reason.len > CPL_REASON_MAX))
		return CPL_E_INVALID;
	change = account_change_create(sizeof *change, &request->call, scope, account, done, &status);
	if (!change)
		return status;
	change->base.what = "state";
	change->base.batch = change_batch;
	change->base.committed = change_committed;
	change->base.release = change_release;
	visit = account_enter(NULL, NULL, ACCOUNT_IN_CORE);
	if (disabling) {
		change->disable = true;
		change->until = disabling->until;
		change->has_reason = disabling->reason.ptr != NULL;
		cpl_buf_add(&change->reason, disabling->reason);
		if (cpl_jid_is_set(disabling->actor))
			change->actor = cpl_jid_dup(cpl_jid_bare(disabling->actor));
	}
	account_leave(&visit);
	account_change_start(&change->base);
	return 0;
}

/* ---- reading it ---- */

/* Of its own block: a call that was cancelled leaves it to run out. */
struct look {
	struct cpl_store_call row, details;
	struct cpl_account_call *request; /* NULL once cancelled */
	struct cpl_jid account;
	struct cpl_arena *arena;
	struct cpl_account_state state;
};

/* The results must live until the callback has returned: the block goes behind it. */
static void look_fired(struct cpl_call *call)
{
	struct cpl_account_call *request = CPL_CONTAINER(call, struct cpl_account_call, call);
	struct look *look = request->impl[0];
	void (*done)(struct cpl_call *) = (void (*)(struct cpl_call *))request->impl[1];

	request->impl[0] = request->impl[1] = NULL;
	done(call);
	if (look) {
		cpl_arena_destroy(&look->arena);
		cpl_jid_free(&look->account);
		cpl_free(look);
	}
}

static void look_cancel(struct cpl_call *call)
{
	struct cpl_account_call *request = CPL_CONTAINER(call, struct cpl_account_call, call);
	struct look *look = request->impl[0];

	look->request = NULL;
	request->impl[0] = NULL;
}

static void look_end(struct look *look, int status)
{
	struct cpl_account_call *request = look->request;

	if (request) {
		request->state = look->state;
		cpl_call_complete(&request->call, status);
		return;
	}
	cpl_arena_destroy(&look->arena);
	cpl_jid_free(&look->account);
	cpl_free(look);
}

static struct cpl_str text_of(const struct look *look, const struct cpl_value *value)
{
	return value->type == CPL_VALUE_BYTES ? cpl_arena_copy(look->arena, value->bytes) : CPL_NONE;
}

static void details_read(struct cpl_call *call)
{
	struct look *look = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct look, details);
	const struct cpl_value *values;

	/* Somebody who has opened the file may have disabled it without further words. */
	if (call->status == 0 && look->details.count > 0) {
		values = look->details.rows[0].values;
		look->state.since = values[COLUMN_SINCE].type == CPL_VALUE_INTEGER ? values[COLUMN_SINCE].integer : 0;
		look->state.reason = text_of(look, &values[COLUMN_REASON]);
		look->state.actor = text_of(look, &values[COLUMN_ACTOR]);
	}
	look_end(look, call->status);
}

static void row_read(struct cpl_call *call)
{
	struct look *look = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct look, row);
	int status = call->status;

	if (status == 0) {
		look->state.created = look->row.rows[0].when;
		look->state.disabled = look->row.rows[0].disabled;
		look->state.until = look->row.rows[0].id;
		look->state.bytes = look->row.rows[0].values[0].integer;
		look->state.quota = look->row.rows[0].values[1].type == CPL_VALUE_INTEGER ? look->row.rows[0].values[1].integer : -1;
	}
	if (status == 0 && look->state.disabled) {
		status = cpl_store_get(&look->details, NULL, &disabled_store, look->account, CPL_NONE, details_read);
		if (status == 0)
			return;
	}
	look_end(look, status);
}

int cpl_account_state(struct cpl_account_call *request, struct cpl_scope *scope, struct cpl_jid account, void (*done)(struct cpl_call *call))
{
	struct account_visit visit;
	struct look *look;
	int status;

	if (!cpl_jid_is_set(account))
		return CPL_E_INVALID;
	request->state = (struct cpl_account_state){0};
	status = cpl_call_begin(&request->call, scope, look_fired, look_cancel);
	if (status != 0)
		return status;
	visit = account_enter(NULL, NULL, ACCOUNT_IN_CORE);
	look = CPL_NEW(struct look);
	look->request = request;
	look->account = cpl_jid_dup(cpl_jid_bare(account));
	look->arena = cpl_arena_create();
	request->impl[0] = look;
	request->impl[1] = (void *)done;
	status = cpl_account_get(&look->row, NULL, look->account, row_read);
	if (status != 0)
		look_end(look, status);
	account_leave(&visit);
	return 0;
}

/* ---- what else there is to know ---- */

static struct account_field *field_add(struct cpl_ev_account_info *ev, const char *name)
{
	struct account_fields *fields = ev->impl;
	struct account_field *field = cpl_arena_alloc(ev->arena, sizeof(*field));

	field->name = cpl_arena_copy(ev->arena, cpl_str_of(name)).ptr;
	if (fields->last)
		fields->last->next = field;
	else
		fields->first = field;
	fields->last = field;
	return field;
}

void cpl_account_info_text(struct cpl_ev_account_info *ev, const char *name, struct cpl_str value)
{
	field_add(ev, name)->text = value.ptr ? cpl_arena_copy(ev->arena, value) : CPL_NONE;
}

void cpl_account_info_int(struct cpl_ev_account_info *ev, const char *name, int64_t value)
{
	struct account_field *field = field_add(ev, name);

	field->number = value;
	field->is_number = true;
}
