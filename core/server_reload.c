/* SPDX-License-Identifier: MIT */
/* coupletctl reload: the whole configuration is judged, then applied; or nothing changes. */
#include "core/server_state.h"

#include "core/module/manager.h"
#include "core/net/tls_context.h"
#include "core/process.h"
#include "core/xmpp/host.h"
#include "core/xmpp/permission.h"
#include "core/xmpp/session.h"
#include "core/xmpp/user.h"

#include <couplet/event.h>
#include <couplet/log.h>

/* Between two looks at whether a host that is not served any more is empty. */
enum { HOST_LOOK_MS = 100 };

static struct loop_timer host_timer;

static bool same_value(const struct cpl_option *option, const void *a, const void *b)
{
	switch (option->kind) {
	case CPL_OPTION_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case CPL_OPTION_ENUM:
		return *(const int *)a == *(const int *)b;
	case CPL_OPTION_INT:
	case CPL_OPTION_TIME:
	case CPL_OPTION_SIZE:
		return *(const int64_t *)a == *(const int64_t *)b;
	case CPL_OPTION_STRING:
	case CPL_OPTION_SECRET:
		return cpl_str_equal(*(const struct cpl_str *)a, *(const struct cpl_str *)b);
	default:
		return true; /* the core has no other kind that waits for a restart */
	}
}

/* Values that wait for a restart stay what they are; their names are told. */
static void keep_fixed(struct config *config, struct cpl_buf *waits)
{
	for (const struct cpl_option *option = config_core_options; option->name; option++) {
		const char *now = (const char *)&server.config->core + option->offset;
		char *then = (char *)&config->core + option->offset;

		if ((option->flags & CPL_RELOADABLE) || same_value(option, now, then))
			continue;
		cpl_buf_addf(waits, "%s\n", option->name);
		if (option->kind == CPL_OPTION_BOOL)
			*(bool *)then = *(const bool *)now;
		else if (option->kind == CPL_OPTION_ENUM)
			*(int *)then = *(const int *)now;
		else if (option->kind == CPL_OPTION_STRING || option->kind == CPL_OPTION_SECRET)
			*(struct cpl_str *)then = cpl_arena_copy(config->arena, *(const struct cpl_str *)now);
		else
			*(int64_t *)then = *(const int64_t *)now;
	}
}

/* ---- hosts ---- */

static void hosts_point_to(const struct config *config)
{
	struct cpl_host *host;
	size_t at = 0;

	while ((host = cpl_host_next(&at))) {
		const struct config_host *found = config_host_find(config, host->name);

		host->stopping = found == NULL;
		host_set_config(host, found);
	}
}

/* Any: also one that is no connected resource. */
static bool has_session(const struct cpl_host *host)
{
	for (struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s))
		if (s->served == host)
			return true;
	return false;
}

/* A host that is not served any more goes when its last session and account are gone. */
static void hosts_sweep(struct loop_timer *timer)
{
	struct cpl_host *host;
	size_t at = 0;
	bool left = false;

	user_drop_lingering(false);
	while ((host = cpl_host_next(&at))) {
		if (!host->stopping)
			continue;
		if (host->sessions.count || host->users.count || has_session(host)) {
			left = true;
			continue;
		}
		cpl_log_info("host removed host=%.*s", CPL_ARG(host->name));
		manager_host_stop(host);
		host_destroy(&host);
		at = 0;
	}
	if (left)
		loop_timer_start(timer, HOST_LOOK_MS, hosts_sweep);
}

static void hosts_close_removed(void)
{
	bool any = false;

	for (struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s)) {
		/* Gone, or another kind of host now: an account's where there was a component, or the other way round. */
		if (s->served && (s->served->stopping || !stream_kind_serves(session_of(s)->kind, s->served))) {
			cpl_session_close(s, CPL_STREAM_HOST_GONE, NULL);
			any = true;
		}
	}
	loop_timer_start(&host_timer, any ? HOST_LOOK_MS : 0, hosts_sweep);
}

/* What modules have read from files of their own may be another now. */
static void hosts_tell(void)
{
	struct cpl_ev_host ev;
	size_t at = 0;

	while ((ev.host = cpl_host_next(&at)))
		if (!ev.host->stopping)
			cpl_fire_configuration_reloaded(ev.host, &ev);
}

/* Makes the hosts that are new in `config`; with `undo` destroys them again. */
static void hosts_add(const struct config *config, bool undo)
{
	for (size_t i = 0; i < config->host_count; i++) {
		struct cpl_host *host = cpl_host_find(config->hosts[i].name);

		if (!undo && !host)
			host_create(&config->hosts[i]);
		else if (undo && host && !config_host_find(server.config, host->name)) {
			manager_host_stop(host);
			host_destroy(&host);
		}
	}
}

/* ---- the whole ---- */

static int apply(const struct config *config, struct cpl_error *error)
{
	int status;
	struct cpl_error undone;

	hosts_add(config, false);
	hosts_point_to(config);
	status = manager_apply(config, error);
	if (status == 0) {
		status = server_listen(config, error);
		if (status == 0) {
			status = server_apply_log(config, error);
			if (status != 0 && server_listen(server.config, &undone) != 0)
				cpl_log_error("listeners could not be put back reason=\"%s\"", undone.text);
		}
		if (status != 0) {
			hosts_point_to(server.config);
			if (manager_apply(server.config, &undone) != 0)
				cpl_log_error("modules could not be put back reason=\"%s\"", undone.text);
		}
	}
	if (status != 0) {
		hosts_point_to(server.config);
		hosts_add(config, true);
	}
	return status;
}

int server_reload(struct server_read *read, struct cpl_buf *waits_for_restart)
{
	struct config *before = server.config;
	struct cpl_error error = {0};
	int status;

	if (server.state != SERVER_OPEN) {
		config_report_at(&read->report, NULL, 0, false, "the server stops");
		return CPL_E_STOPPING;
	}
	status = server_judge(read);
	if (status != 0)
		return status;
	keep_fixed(read->config, waits_for_restart);
	manager_waiting(read->config, waits_for_restart);
	process_notify("RELOADING=1");
	status = apply(read->config, &error);
	process_notify("READY=1");
	if (status != 0) {
		config_report_at(&read->report, NULL, 0, false, "%s", error.text);
		/* Modules that this call had loaded drain, and look at it until they are gone. */
		manager_discard();
		manager_retire(&read->config);
		return status;
	}
	server.config = read->config;
	read->config = NULL;
	server_apply_bounds(server.config);
	permission_configure(server.config);
	manager_retire(&before);
	tls_contexts_install(read->contexts);
	read->contexts = NULL;
	hosts_close_removed();
	hosts_tell();
	cpl_log_info("configuration reloaded hosts=%zu", host_count());
	return 0;
}
