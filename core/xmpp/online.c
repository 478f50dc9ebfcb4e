/* SPDX-License-Identifier: MIT */
/* The accounts of a host that are connected, in slices of a turn. The map of a host's accounts changes between turns, so their names are taken down at the start. */
#include "core/xmpp/user.h"

#include <couplet/session.h>

enum { SLICE = 200 };

struct walk {
	void (*each)(struct cpl_online_call *request, struct cpl_user *user);
	void (*done)(struct cpl_call *call);
	struct cpl_buf domain, names; /* names: each with a NUL behind it */
	size_t at;
};

static void walk_end(struct cpl_online_call *request)
{
	struct walk *walk = request->impl[0];
	void (*done)(struct cpl_call *call) = walk->done;

	cpl_buf_finish(&walk->domain);
	cpl_buf_finish(&walk->names);
	cpl_free(walk);
	request->impl[0] = NULL;
	done(&request->call);
}

static void slice(struct cpl_call *call)
{
	struct cpl_online_call *request = CPL_CONTAINER(call, struct cpl_online_call, call);
	struct walk *walk = request->impl[0];
	struct cpl_host *host = cpl_host_find(cpl_buf_str(&walk->domain));

	for (int i = 0; i < SLICE && call->status == 0 && host && walk->at < walk->names.len; i++) {
		struct cpl_str name = cpl_str_of(walk->names.ptr + walk->at);
		struct cpl_user *user = cpl_user_find(host, name);

		walk->at += name.len + 1;
		if (!user || user->session_count == 0)
			continue;
		request->count++;
		walk->each(request, user);
	}
	if (call->status == 0 && !host)
		call->status = CPL_E_CANCELLED;
	if (call->status == 0 && walk->at < walk->names.len) {
		int status = cpl_timer_start(call, call->scope, 0, slice);

		if (status == 0)
			return;
		call->status = status;
	}
	walk_end(request);
}

int cpl_online_each(struct cpl_online_call *request, struct cpl_scope *scope, struct cpl_host *host,
		    void (*each)(struct cpl_online_call *request, struct cpl_user *user), void (*done)(struct cpl_call *call))
{
	struct walk *walk;
	struct cpl_user *user;
	int status = cpl_timer_start(&request->call, scope, 0, slice);

	if (status != 0)
		return status;
	walk = CPL_NEW(struct walk);
	walk->each = each;
	walk->done = done;
	cpl_buf_add(&walk->domain, host->name);
	for (size_t at = 0; (user = cpl_map_next(&host->users, &at));)
		if (user->session_count) {
			cpl_buf_add(&walk->names, user->username);
			cpl_buf_add_char(&walk->names, '\0');
		}
	request->count = 0;
	request->impl[0] = walk;
	return 0;
}
