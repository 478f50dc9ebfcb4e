/* SPDX-License-Identifier: MIT */
/* The core's metrics. */
#include "core/admin/metrics.h"
#include "core/base/account.h"
#include "core/base/count.h"
#include "core/base/logger.h"
#include "core/base/memory.h"
#include "core/base/metric.h"
#include "core/hook/dispatch.h"
#include "core/net/conn_socket.h"
#include "core/xmpp/host.h"
#include "core/xmpp/router.h"
#include "core/xmpp/session.h"
#include "core/xmpp/store.h"
#include "core/xmpp/user.h"

#include <couplet/module.h>
#include <stdio.h>
#include <unistd.h>

/* A counter each, in the order of enum count; those of one family follow one another. */
static const struct {
	const char *name, *help, *label, *value;
} counters[COUNTS] = {
	[COUNT_CONNECTIONS_ACCEPTED] = {"couplet_connections", "Connections that came to a listener.", "outcome", "accepted"},
	[COUNT_CONNECTIONS_REFUSED] = {"couplet_connections", "Connections that came to a listener.", "outcome", "refused"},
	[COUNT_BYTES_IN] = {"couplet_bytes", "Bytes on the wire of all connections.", "direction", "in"},
	[COUNT_BYTES_OUT] = {"couplet_bytes", "Bytes on the wire of all connections.", "direction", "out"},
	[COUNT_MESSAGES_IN] = {"couplet_stanzas_in", "Stanzas from peers.", "kind", "message"},
	[COUNT_PRESENCES_IN] = {"couplet_stanzas_in", "Stanzas from peers.", "kind", "presence"},
	[COUNT_IQS_IN] = {"couplet_stanzas_in", "Stanzas from peers.", "kind", "iq"},
	[COUNT_NONZAS_IN] = {"couplet_stanzas_in", "Stanzas from peers.", "kind", "other"},
	[COUNT_MESSAGES_OUT] = {"couplet_stanzas_out", "Stanzas to peers.", "kind", "message"},
	[COUNT_PRESENCES_OUT] = {"couplet_stanzas_out", "Stanzas to peers.", "kind", "presence"},
	[COUNT_IQS_OUT] = {"couplet_stanzas_out", "Stanzas to peers.", "kind", "iq"},
	[COUNT_NONZAS_OUT] = {"couplet_stanzas_out", "Stanzas to peers.", "kind", "other"},
	[COUNT_AUTHENTICATIONS] = {"couplet_authentications", "Sessions that have authenticated.", NULL, NULL},
	[COUNT_STORAGE_REQUESTS] = {"couplet_storage_requests", "Requests to the storage driver that have ended.", NULL, NULL},
	[COUNT_STORAGE_READS] = {"couplet_storage_reads", "Those of them that have only read.", NULL, NULL},
	[COUNT_STORAGE_FAILURES] = {"couplet_storage_failures", "Those of them that have failed.", NULL, NULL},
};

enum gauge { SESSIONS_ALIVE, SOCKETS, HANDSHAKES, HOSTS, ACCOUNTS, SUSPENDED, ROUTING, REQUESTS, STORAGE_PENDING, RESIDENT, HEAP, UPTIME, GAUGES };
static const struct {
	const char *name, *help;
} gauges[GAUGES] = {
	[SESSIONS_ALIVE] = {"couplet_session_objects", "Sessions in memory, those that have ended and are still referenced included."},
	[SOCKETS] = {"couplet_open_connections", "Connections that are open."},
	[HANDSHAKES] = {"couplet_tls_handshakes", "TLS handshakes under way."},
	[HOSTS] = {"couplet_hosts", "Hosts that are served."},
	[ACCOUNTS] = {"couplet_accounts_in_use", "Accounts in memory."},
	[SUSPENDED] = {"couplet_suspended_events", "Events that wait for a module."},
	[ROUTING] = {"couplet_stanzas_routing", "Stanzas that wait for an account or a suspended handler."},
	[REQUESTS] = {"couplet_pending_requests", "IQ requests of the server or a module that wait for an answer."},
	[STORAGE_PENDING] = {"couplet_storage_pending", "Storage requests under way."},
	[RESIDENT] = {"couplet_memory_resident_bytes", "Memory of the process."},
	[HEAP] = {"couplet_memory_heap_bytes", "Memory that is charged to the core and the modules."},
	[UPTIME] = {"couplet_uptime_seconds", "Time since the start."},
};

static struct {
	bool made;
	struct metric *counter[COUNTS], *gauge[GAUGES], *sessions[CPL_SESSION_DESTROYED], *dropped;
} all;

int64_t metrics_resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long long size, pages = 0;

	if (file) {
		if (fscanf(file, "%lld %lld", &size, &pages) != 2)
			pages = 0;
		fclose(file);
	}
	return pages * sysconf(_SC_PAGESIZE);
}

static void make(void)
{
	if (all.made)
		return;
	all.made = true;
	for (unsigned i = 0; i < COUNTS; i++) {
		struct metric_label label = {counters[i].label, cpl_str_of(counters[i].value ? counters[i].value : "")};

		all.counter[i] = metric_ref(METRIC_COUNTER, counters[i].name, counters[i].help, &label, counters[i].label ? 1 : 0);
	}
	for (unsigned i = 0; i < GAUGES; i++)
		all.gauge[i] = metric_ref(METRIC_GAUGE, gauges[i].name, gauges[i].help, NULL, 0);
	for (unsigned i = 0; i < CPL_SESSION_DESTROYED; i++) {
		struct metric_label label = {"type", cpl_str_of(cpl_session_type_name((enum cpl_session_type)i))};

		all.sessions[i] = metric_ref(METRIC_GAUGE, "couplet_sessions", "Sessions by their state.", &label, 1);
	}
	all.dropped = metric_ref(METRIC_COUNTER, "couplet_log_lines_dropped", "Lines that the log could not take.", NULL, 0);
}

static int64_t heap(void)
{
	int64_t bytes = 0;

	for (uint32_t id = 0; id < account_memory_count(); id++) {
		const struct account_memory *memory = account_memory_by_id(id);

		bytes += memory ? atomic_load_explicit(&memory->bytes, memory_order_relaxed) : 0;
	}
	return bytes;
}

void metrics_collect(void)
{
	int64_t sessions[CPL_SESSION_DESTROYED] = {0};
	const int64_t values[GAUGES] = {
		[SESSIONS_ALIVE] = (int64_t)session_alive(),
		[SOCKETS] = (int64_t)conn_socket_count(),
		[HANDSHAKES] = (int64_t)conn_socket_handshakes(),
		[HOSTS] = (int64_t)host_count(),
		[ACCOUNTS] = (int64_t)user_count(),
		[SUSPENDED] = (int64_t)suspension_count(),
		[ROUTING] = (int64_t)router_pending(),
		[REQUESTS] = (int64_t)iq_pending(),
		[STORAGE_PENDING] = (int64_t)store_pending(),
		[RESIDENT] = metrics_resident(),
		[HEAP] = heap(),
		[UPTIME] = (cpl_now() - cpl_started_at()) / 1000,
	};

	make();
	for (unsigned i = 0; i < COUNTS; i++)
		metric_set(all.counter[i], (int64_t)counts[i]);
	for (unsigned i = 0; i < GAUGES; i++)
		metric_set(all.gauge[i], values[i]);
	for (const struct cpl_session *s = cpl_session_next(NULL); s; s = cpl_session_next(s))
		if (s->type < CPL_SESSION_DESTROYED)
			sessions[s->type]++;
	for (unsigned i = 0; i < CPL_SESSION_DESTROYED; i++)
		metric_set(all.sessions[i], sessions[i]);
	metric_set(all.dropped, (int64_t)logger_dropped());
}

void metrics_finish(void)
{
	for (unsigned i = 0; i < COUNTS; i++)
		metric_unref(&all.counter[i]);
	for (unsigned i = 0; i < GAUGES; i++)
		metric_unref(&all.gauge[i]);
	for (unsigned i = 0; i < CPL_SESSION_DESTROYED; i++)
		metric_unref(&all.sessions[i]);
	metric_unref(&all.dropped);
	all.made = false;
}
