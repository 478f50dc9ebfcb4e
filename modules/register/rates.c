/* SPDX-License-Identifier: MIT */
/* How many accounts strangers make: per address and per host, within a time. */
#include "modules/register/register.h"

/* More addresses than this within one period are refused, until some are forgotten. */
enum { ADDRESSES_MAX = 10000 };

struct address {
	int64_t since;
	int64_t tries, made;
	char peer[CPL_PEER_TEXT];
};

struct rates {
	struct cpl_map addresses;
	int64_t since;
	int64_t made;
};

static void rates_release(void *data)
{
	struct rates *rates = data;
	struct address *address;
	size_t at = 0;

	while ((address = cpl_map_next(&rates->addresses, &at)))
		cpl_free(address);
	cpl_map_finish(&rates->addresses);
	cpl_free(rates);
}

CPL_SLOT_TYPES(rates_slot, HOST, struct rates);
CPL_SLOT_DEFINE(rates_slot, 1, rates_release, NULL);

static void sweep(struct rates *rates, int64_t period)
{
	struct address *address;
	size_t at = 0;

	while ((address = cpl_map_next(&rates->addresses, &at)))
		if (cpl_monotonic() - address->since >= period) {
			cpl_map_remove_at(&rates->addresses, &at);
			cpl_free(address);
		}
}

static struct address *address_of(struct rates *rates, struct cpl_str peer, int64_t period)
{
	struct address *address = cpl_map_get(&rates->addresses, peer);

	if (address && cpl_monotonic() - address->since >= period)
		address->tries = address->made = 0;
	if (address)
		return address;
	if (rates->addresses.count >= ADDRESSES_MAX)
		sweep(rates, period);
	if (rates->addresses.count >= ADDRESSES_MAX)
		return NULL;
	address = CPL_NEW(struct address);
	memcpy(address->peer, peer.ptr, peer.len);
	cpl_map_put(&rates->addresses, (struct cpl_str){address->peer, peer.len}, address);
	return address;
}

const char *rates_try(struct cpl_host *host, const struct cpl_conn *conn, const struct register_config *config)
{
	struct rates *rates = CPL_SLOT_MAKE(host, rates_slot);
	char key[CPL_PEER_TEXT];
	struct address *address = address_of(rates, cpl_conn_peer(conn, key), config->period);

	if (!address)
		return "Too many addresses make accounts now; try again later";
	if (!address->tries)
		address->since = cpl_monotonic();
	if (cpl_monotonic() - rates->since >= config->period) {
		rates->since = cpl_monotonic();
		rates->made = 0;
	}
	if (address->tries >= config->tries_per_address)
		return "There have been too many tries from your address; try again later";
	address->tries++;
	if (address->made >= config->per_address)
		return "Too many accounts have been made from your address; try again later";
	return rates->made >= config->per_host ? "Too many accounts have been made; try again later" : NULL;
}

void rates_made(struct cpl_host *host, const char *peer)
{
	struct rates *rates = CPL_SLOT_GET(host, rates_slot);
	struct address *address = rates ? cpl_map_get(&rates->addresses, cpl_str_of(peer)) : NULL;

	if (!rates)
		return;
	rates->made++;
	if (address)
		address->made++;
}
