/* SPDX-License-Identifier: MIT */
/*
 * Tokens against the guessing of passwords, per account and per address (XEP-0205 2, RFC 6120 6.4.5).
 *
 * An attempt takes a token of the address and one of the account before anything is looked up; what is no wrong guess gives them back. Names that no account has are counted like
 * others, so that an answer does not tell them apart. Nobody can be locked out of their own account by others: an address from which a login has succeeded has tokens of its own
 * for that account.
 */
#include "modules/limits/limits.h"

/* How long a login from an address is remembered. */
#define KNOWN_MS (30LL * 86400 * 1000)

struct bucket limits_account_bucket(const struct limits_config *config)
{
	return (struct bucket){config->account_tries, config->account_recovery};
}

struct bucket limits_address_bucket(const struct limits_config *config)
{
	return (struct bucket){config->address_tries, config->address_recovery};
}

/* "romeo@example.org 192.0.2.1"; a JID has no space. */
static struct cpl_str pair_key(char text[TABLE_KEY_MAX], struct cpl_jid account, struct cpl_str address)
{
	struct cpl_str jid = cpl_jid_str(account);

	if (jid.len + 1 + address.len > TABLE_KEY_MAX)
		return jid;
	/* UNSAFE: bounded above. */
	memcpy(text, jid.ptr, jid.len);
	text[jid.len] = ' ';
	memcpy(text + jid.len + 1, address.ptr, address.len);
	return (struct cpl_str){text, jid.len + 1 + address.len};
}

/* The key of the account's bucket for who comes from this address. */
static struct cpl_str account_key(const struct limits *limits, char text[TABLE_KEY_MAX], struct cpl_jid account, struct cpl_str address)
{
	struct cpl_str pair = pair_key(text, account, address);
	const struct table_entry *known = table_find(&limits->known, pair);

	return known && known->value > cpl_monotonic() ? pair : cpl_jid_str(account);
}

enum cpl_answer guess_on_attempt(struct cpl_module *self, struct cpl_ev_attempt *ev)
{
	const struct limits_config *config = limits_config_of(self);
	struct limits *limits = limits_of(self);
	char text[TABLE_KEY_MAX], peer[CPL_PEER_TEXT];
	struct cpl_str address = ev->session->conn ? cpl_conn_peer(ev->session->conn, peer) : CPL_NONE;
	const char *subject = NULL;
	struct cpl_str key;

	if (!address.ptr || limits_is_exempt(config, address))
		return CPL_NO_OPINION;
	key = account_key(limits, text, ev->account, address);
	if (!bucket_take(&limits->addresses, limits_address_bucket(config), address, cpl_monotonic())) {
		subject = "address";
	} else if (!bucket_take(&limits->accounts, limits_account_bucket(config), key, cpl_monotonic())) {
		bucket_give(&limits->addresses, limits_address_bucket(config), address, cpl_monotonic());
		subject = "account";
	}
	if (!subject)
		return CPL_NO_OPINION;
	cpl_metric_add(limits_turned_away, 1);
	cpl_log_info("login turned away session=%.*s address=%s account=%.*s by=%s", CPL_ARG(ev->session->id), ev->session->conn->address,
		     CPL_ARG(cpl_jid_str(ev->account)), subject);
	ev->text = "Too many failed logins; try again later";
	return CPL_NO;
}

void guess_on_result(struct cpl_module *self, struct cpl_ev_attempt *ev)
{
	const struct limits_config *config = limits_config_of(self);
	struct limits *limits = limits_of(self);
	char text[TABLE_KEY_MAX], peer[CPL_PEER_TEXT];
	struct cpl_str address = ev->session->conn ? cpl_conn_peer(ev->session->conn, peer) : CPL_NONE;

	/* Only what may have been a guess costs something. */
	if (!address.ptr || limits_is_exempt(config, address) || (ev->condition && strcmp(ev->condition, "not-authorized") == 0))
		return;
	bucket_give(&limits->addresses, limits_address_bucket(config), address, cpl_monotonic());
	bucket_give(&limits->accounts, limits_account_bucket(config), account_key(limits, text, ev->account, address), cpl_monotonic());
	if (!ev->condition)
		table_use(&limits->known, pair_key(text, ev->account, address))->value = cpl_monotonic() + KNOWN_MS;
}
