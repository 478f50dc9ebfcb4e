/* SPDX-License-Identifier: MIT */
/* Checks of the DNS: what clients find when they look for a host (RFC 6120 3.2, XEP-0368). */
#include "core/check.h"

#include "core/net/tls_names.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_MAX = 8192, RECORDS_MAX = 16 };

struct srv {
	uint16_t port;
	char target[NS_MAXDNAME];
};
struct dns {
	struct __res_state state;
	unsigned char answer[ANSWER_MAX];
	ns_msg message;
};

static bool dns_open(struct dns *dns, const char *resolver)
{
	char address[64];
	const char *colon = resolver ? strrchr(resolver, ':') : NULL;

	if (res_ninit(&dns->state) != 0)
		return false;
	dns->state.retrans = CHECK_DNS_MS / 1000;
	dns->state.retry = 1;
	if (!resolver)
		return true;
	snprintf(address, sizeof address, "%.*s", colon ? (int)(colon - resolver) : (int)strlen(resolver), resolver);
	dns->state.nscount = 1;
	dns->state.nsaddr_list[0] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 53))};
	return inet_pton(AF_INET, address, &dns->state.nsaddr_list[0].sin_addr) == 1;
}

/* How many records there are; -1: nobody answers, -2: the answer makes no sense. */
static int ask(struct dns *dns, const char *name, ns_type type)
{
	int len = res_nquery(&dns->state, name, ns_c_in, type, dns->answer, sizeof dns->answer);

	if (len < 0)
		return dns->state.res_h_errno == HOST_NOT_FOUND || dns->state.res_h_errno == NO_DATA ? 0 : -1;
	if (len > (int)sizeof dns->answer || ns_initparse(dns->answer, len, &dns->message) != 0)
		return -2;
	return ns_msg_count(dns->message, ns_s_an);
}

static int ask_srv(struct dns *dns, const char *name, struct srv records[RECORDS_MAX])
{
	int count = ask(dns, name, ns_t_srv), found = 0;
	ns_rr record;

	for (int i = 0; i < count && found < RECORDS_MAX; i++) {
		if (ns_parserr(&dns->message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_srv || ns_rr_rdlen(record) < 7)
			continue;
		records[found].port = (uint16_t)ns_get16(ns_rr_rdata(record) + 4);
		if (ns_name_uncompress(ns_msg_base(dns->message), ns_msg_end(dns->message), ns_rr_rdata(record) + 6, records[found].target,
				       sizeof records[found].target) >= 0)
			found++;
	}
	return count < 0 ? count : found;
}

/* True when the bytes are an address of this machine. */
static bool is_mine(int family, const void *bytes)
{
	struct ifaddrs *all = NULL;
	bool mine = false;

	if (getifaddrs(&all) != 0)
		return true;
	for (const struct ifaddrs *i = all; i && !mine; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != family)
			continue;
		mine = family == AF_INET ? memcmp(&((struct sockaddr_in *)i->ifa_addr)->sin_addr, bytes, 4) == 0
					 : memcmp(&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, bytes, 16) == 0;
	}
	freeifaddrs(all);
	return mine;
}

/* Addresses of a name, and how many of them are this machine's; negative as ask(). */
static int ask_addresses(struct dns *dns, const char *name, int *mine)
{
	int all = 0;

	*mine = 0;
	for (int i = 0; i < 2; i++) {
		int family = i ? AF_INET6 : AF_INET, count = ask(dns, name, i ? ns_t_aaaa : ns_t_a);
		ns_rr record;

		if (count < 0)
			return count;
		for (int n = 0; n < count; n++) {
			if (ns_parserr(&dns->message, ns_s_an, n, &record) != 0 || ns_rr_type(record) != (i ? ns_t_aaaa : ns_t_a))
				continue;
			all++;
			*mine += is_mine(family, ns_rr_rdata(record));
		}
	}
	return all;
}

static bool is_listened_on(const struct check *check, uint16_t port, bool direct)
{
	for (size_t i = 0; i < check->config->listen_count; i++)
		if (check->config->listen[i].port == port && check->config->listen[i].direct_tls == direct)
			return true;
	return false;
}

static uint16_t port_of(const struct check *check, bool direct)
{
	for (size_t i = 0; i < check->config->listen_count; i++) {
		const struct config_listen *listen = &check->config->listen[i];

		if (listen->direct_tls == direct && strncmp(listen->service, "c2s", 3) == 0)
			return listen->port;
	}
	return 0;
}

static void check_addresses(struct check *check, struct dns *dns, const char *subject, const char *name)
{
	int mine, count = ask_addresses(dns, name, &mine);
	char *remedy = cpl_asprintf("%s. 3600 IN A (the address of this machine)", name);

	if (count < 0)
		check_say(check, CHECK_WARNING, subject, NULL, "no resolver answers for %s", name);
	else if (!count)
		check_say(check, CHECK_WRONG, subject, remedy, "%s has no address", name);
	else if (!mine)
		check_say(check, CHECK_WARNING, subject, remedy, "the addresses of %s are none of this machine (right only behind NAT)", name);
	else
		check_say(check, CHECK_OK, subject, NULL, "%s is this machine", name);
	cpl_free(remedy);
}

static void check_records(struct check *check, struct dns *dns, const char *host, bool direct, const struct srv *records, int count)
{
	char *subject = cpl_asprintf("dns _%s._tcp.%s", direct ? "xmpps-client" : "xmpp-client", host);
	uint16_t port = port_of(check, direct);
	char *remedy = cpl_asprintf("_%s._tcp.%s. 3600 IN SRV 0 5 %u %s.", direct ? "xmpps-client" : "xmpp-client", host, port, host);

	for (int i = 0; i < count; i++) {
		if (!records[i].target[0] || strcmp(records[i].target, ".") == 0)
			check_say(check, CHECK_WRONG, subject, remedy, "the record says that there is no such service");
		else if (!is_listened_on(check, records[i].port, direct))
			check_say(check, CHECK_WRONG, subject, remedy, "the record names port %u, on which the server does not listen so", records[i].port);
		else
			check_addresses(check, dns, subject, records[i].target);
	}
	cpl_free(remedy);
	cpl_free(subject);
}

static void check_host(struct check *check, struct dns *dns, const char *host)
{
	struct srv records[RECORDS_MAX];
	char name[NS_MAXDNAME], *subject = cpl_asprintf("dns %s", host), *remedy;
	uint16_t port = port_of(check, false), direct = port_of(check, true);
	int count;

	snprintf(name, sizeof name, "_xmpp-client._tcp.%s", host);
	count = ask_srv(dns, name, records);
	remedy = cpl_asprintf("%s. 3600 IN SRV 0 5 %u %s.", name, port, host);
	if (count < 0)
		check_say(check, CHECK_WARNING, subject, "nameserver in /etc/resolv.conf", "no resolver answers for %s", name);
	else if (count)
		check_records(check, dns, host, false, records, count);
	else if (port && port != 5222)
		check_say(check, CHECK_WRONG, subject, remedy, "without a record clients try port 5222, and the server listens on %u", port);
	else
		check_addresses(check, dns, subject, host);
	cpl_free(remedy);
	snprintf(name, sizeof name, "_xmpps-client._tcp.%s", host);
	count = count < 0 ? count : ask_srv(dns, name, records);
	remedy = cpl_asprintf("%s. 3600 IN SRV 0 5 %u %s.", name, direct, host);
	if (count > 0)
		check_records(check, dns, host, true, records, count);
	else if (!count && direct)
		check_say(check, CHECK_WARNING, subject, remedy, "no record tells of direct TLS (XEP-0368), which the server offers");
	cpl_free(remedy);
	cpl_free(subject);
}

/* Names that no DNS has. */
static bool is_private(const char *host)
{
	struct in6_addr address;
	size_t len = strlen(host);

	return host[0] == '[' || inet_pton(AF_INET, host, &address) == 1 || strcmp(host, "localhost") == 0 || (len > 10 && strcmp(host + len - 10, ".localhost") == 0);
}

void check_dns(struct check *check)
{
	struct dns *dns = CPL_NEW(struct dns);

	if (!dns_open(dns, check->resolver)) {
		check_say(check, CHECK_WRONG, "dns", "--resolver 127.0.0.1:53", "the resolver %s cannot be used", check->resolver ? check->resolver : "of the system");
		cpl_free(dns);
		return;
	}
	for (size_t i = 0; i < check->config->host_count; i++) {
		const struct config_host *host = &check->config->hosts[i];
		char *ascii = host->component.ptr ? NULL : tls_names_ascii(host->name);

		if (ascii && !is_private(ascii))
			check_host(check, dns, ascii);
		cpl_free(ascii);
	}
	res_nclose(&dns->state);
	cpl_free(dns);
}
