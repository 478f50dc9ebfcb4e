/* SPDX-License-Identifier: MIT */
/* The server's listeners: what stands under listen: in the configuration. */
#include "core/server_state.h"

#include "core/base/count.h"
#include "core/module/manager.h"
#include "core/net/conn_socket.h"
#include "core/net/listener.h"
#include "core/xmpp/admission.h"
#include "core/xmpp/session.h"

#include <couplet/map.h>

#include <unistd.h>

struct server_listener {
	struct listener *listener;
	const char *service; /* connections keep it: a name for good */
	char *address;
	uint16_t port;
	bool direct_tls;
};

/* The core's own. */
static const struct cpl_listen_row core_services[] = {
	{"c2s", 5222, CPL_SESSION_C2S_UNAUTHED, false},
	{"c2s-direct", 5223, CPL_SESSION_C2S_UNAUTHED, true},
	{NULL, 0, 0, false},
};

static struct cpl_buf services; /* struct config_service, one after another */
static struct cpl_map names;    /* of services that were ever listened on */

static const char *name_for_good(const char *service)
{
	char *name = cpl_map_get(&names, cpl_str_of(service));

	if (!name) {
		name = cpl_strdup(cpl_str_of(service));
		cpl_map_put(&names, cpl_str_of(name), name);
	}
	return name;
}

static void add_services(const struct config_service *rows, size_t count)
{
	cpl_buf_add(&services, (struct cpl_str){(const char *)rows, count * sizeof *rows});
}

size_t server_services(const struct config_service **out)
{
	const struct config_service *rows;
	size_t count = manager_services(&rows);

	cpl_buf_clear(&services);
	for (const struct cpl_listen_row *row = core_services; row->name; row++)
		add_services(&(struct config_service){row->name, row->port, row->direct_tls}, 1);
	if (count)
		add_services(rows, count);
	*out = (const struct config_service *)(const void *)services.ptr;
	return services.len / sizeof(struct config_service);
}

static const struct cpl_listen_row *row_of(const struct cpl_listen_row *rows, const char *service)
{
	for (; rows && rows->name; rows++)
		if (strcmp(rows->name, service) == 0)
			return rows;
	return NULL;
}

/* The row that declares a service; NULL when the module that did is not running. */
static const struct cpl_listen_row *service_row(const char *service)
{
	const struct cpl_listen_row *row = row_of(core_services, service);
	struct cpl_module *module;
	size_t at = 0;

	while (!row && (module = manager_next(&at)))
		row = row_of(manager_descriptor(module)->listens, service);
	return row;
}

static void accepted(struct listener *listener, int fd, const char *address)
{
	const struct server_listener *entry = NULL;
	const struct cpl_listen_row *row = service_row(listener_service(listener));
	struct admission *admission = admission_take(address);
	struct conn_socket_options options;
	struct cpl_conn *conn;

	for (size_t i = 0; i < server.listener_count; i++)
		if (server.listeners[i].listener == listener)
			entry = &server.listeners[i];
	if (!admission || !entry || !row) {
		cpl_log_debug("connection refused address=%s reason=%s", address, admission ? "no-service" : "too-many-unauthenticated");
		admission_release(&admission);
		close(fd);
		count_add(COUNT_CONNECTIONS_REFUSED, 1);
		return;
	}
	count_add(COUNT_CONNECTIONS_ACCEPTED, 1);
	options = (struct conn_socket_options){
		.fd = fd,
		.direct_tls = entry->direct_tls,
		.service = entry->service,
		.events = &session_conn_events,
		.address = address,
	};
	conn = conn_socket_create(&options);
	session_create(conn, row->type, admission);
}

static void entry_finish(struct server_listener *entry)
{
	listener_destroy(&entry->listener);
	CPL_FREE(entry->address);
}

static struct server_listener *entry_find(const struct config_listen *listen, struct cpl_str address)
{
	for (size_t i = 0; i < server.listener_count; i++) {
		struct server_listener *entry = &server.listeners[i];

		if (entry->listener && strcmp(entry->service, listen->service) == 0 && cpl_str_is(address, entry->address) &&
		    entry->port == listen->port && entry->direct_tls == listen->direct_tls)
			return entry;
	}
	return NULL;
}

/* What the new list wants, taken over from the present one or opened; false with *error. */
static bool entry_open(struct server_listener *entry, const struct config_listen *listen, struct cpl_str address, struct cpl_error *error)
{
	struct listener_options options;

	*entry = (struct server_listener){
		.service = name_for_good(listen->service),
		.address = cpl_strdup(address),
		.port = listen->port,
		.direct_tls = listen->direct_tls,
	};
	options = (struct listener_options){
		.service = entry->service,
		.address = cpl_str_of(entry->address),
		.port = entry->port,
		.accepted = accepted,
	};
	entry->listener = listener_create(&options, error);
	return entry->listener != NULL;
}

int server_listen(const struct config *config, struct cpl_error *error)
{
	struct server_listener *list, **kept;
	size_t wanted = 0, count = 0;
	int status = 0;

	for (size_t i = 0; i < config->listen_count; i++)
		wanted += config->listen[i].address.count;
	list = cpl_alloc((wanted + 1) * sizeof *list);
	kept = cpl_alloc((wanted + 1) * sizeof(*kept));
	for (size_t i = 0; i < config->listen_count && status == 0; i++) {
		const struct config_listen *listen = &config->listen[i];

		for (size_t j = 0; j < listen->address.count && status == 0; j++) {
			struct cpl_str address = listen->address.items[j];

			kept[count] = entry_find(listen, address);
			if (kept[count] || entry_open(&list[count], listen, address, error)) {
				count++;
				continue;
			}
			entry_finish(&list[count]);
			if (config->core.stop_on_listen_failure)
				status = error->code;
			else
				cpl_log_error("port not opened service=%s %s", listen->service, error->text);
		}
	}
	if (status != 0) {
		for (size_t i = 0; i < count; i++)
			if (!kept[i])
				entry_finish(&list[i]);
		cpl_free(list);
		cpl_free(kept);
		return status;
	}
	for (size_t i = 0; i < count; i++) {
		if (kept[i]) {
			list[i] = *kept[i];
			*kept[i] = (struct server_listener){0};
		}
	}
	cpl_free(kept);
	server_unlisten();
	server.listeners = list;
	server.listener_count = count;
	return 0;
}

void server_unlisten(void)
{
	for (size_t i = 0; i < server.listener_count; i++)
		entry_finish(&server.listeners[i]);
	CPL_FREE(server.listeners);
	server.listener_count = 0;
}

void server_listen_finish(void)
{
	size_t at = 0;
	char *name;

	server_unlisten();
	cpl_buf_finish(&services);
	while ((name = cpl_map_next(&names, &at)))
		cpl_free(name);
	cpl_map_finish(&names);
}
