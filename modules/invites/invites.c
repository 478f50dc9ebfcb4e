/* SPDX-License-Identifier: MIT */
/* Invitations (XEP-0401, XEP-0379, XEP-0445): the tables, and rows of tokens. */
#include "modules/invites/invites.h"

#include <openssl/evp.h>

static const struct cpl_option options[] = {
	CPL_OPT_TIME(struct invites_config, expires, "7d", "1m", "365d", CPL_RELOADABLE, "How long a token is good unless something else is asked for."),
	CPL_OPT_INT(struct invites_config, per_account, "10", "1", "1000", CPL_RELOADABLE, "Tokens of one account that are good at a time; administrators are not bound."),
	CPL_OPT_STRING(struct invites_config, landing_page, NULL, CPL_RELOADABLE,
		       "Address of a page for people who have no client yet, such as https://example.org/invite/#{token}; {token} stands for the token."),
	CPL_OPT_END,
};

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct invites_config *config = values;
	struct cpl_str rest = config->landing_page, before;

	if (!rest.ptr)
		return;
	cpl_str_split(&rest, '{', &before);
	if (!cpl_str_is_uri(before) || !rest.ptr || !cpl_str_starts(rest, CPL_STR("token}")))
		fault(data, "landing_page", "this should be an address with {token} in it, such as https://example.org/invite/#{token}");
}

struct cpl_name invites_preauth = {"urn:xmpp:pars:0", "preauth", 0, 0};
CPL_NAME(token_feature, "urn:xmpp:ibr-token:0", "register");

struct cpl_permission invites_may_contact = {"invites.contact", CPL_ROLE_REGISTERED, "Invite people to become the own contacts.", 0};
struct cpl_permission invites_may_register = {"invites.register", CPL_ROLE_MEMBER, "Let these make an account here, too.", 0};
struct cpl_permission invites_may_account = {"invites.account", CPL_ROLE_ADMIN, "Invite people to make an account, over XMPP.", 0};
static struct cpl_permission *const permissions[] = {&invites_may_contact, &invites_may_register, &invites_may_account, NULL};

struct cpl_service_ref invites_rosters = {"roster", 1, 0};
static const struct cpl_need_row needs[] = {{&invites_rosters, false}, {NULL, false}};
static const struct cpl_provide_row provides[] = {{"invites", 1, &invites_service}, {NULL, 0, NULL}};

/* ---- rows ---- */

enum { KIND, LOCALPART, INVITER, GROUP, CREATED, EXPIRES, USES, USED, IBR, INVITE_COLUMNS };
static const struct cpl_column invite_columns[] = {
	[KIND] = {"kind", CPL_COLUMN_INTEGER, false},
	[LOCALPART] = {"localpart", CPL_COLUMN_TEXT, false},
	[INVITER] = {"inviter", CPL_COLUMN_TEXT, false},
	[GROUP] = {"roster_group", CPL_COLUMN_TEXT, false},
	[CREATED] = {"created", CPL_COLUMN_INTEGER, false},
	[EXPIRES] = {"expires", CPL_COLUMN_INTEGER, false},
	[USES] = {"uses", CPL_COLUMN_INTEGER, false},
	[USED] = {"used", CPL_COLUMN_INTEGER, false},
	[IBR] = {"ibr", CPL_COLUMN_INTEGER, false},
	[INVITE_COLUMNS] = {NULL, CPL_COLUMN_TEXT, false},
};
/* Of the host; key: the hash of the token. */
const struct cpl_store invite_store = {"invite", CPL_STORE_MAP, 1, invite_columns, NULL};
static const struct cpl_column use_columns[] = {
	{"name", CPL_COLUMN_TEXT, false}, /* the account's, or the contact's address */
	{"used_at", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
/* Of the host; key: the hash and the number of the use, so that no number is used twice. */
const struct cpl_store invite_use_store = {"invite_use", CPL_STORE_MAP, 1, use_columns, NULL};
static const struct cpl_column name_columns[] = {
	{"token", CPL_COLUMN_TEXT, false}, /* its hash */
	{"expires", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
/* Of the host; key: a localpart that is kept for the token. */
const struct cpl_store invite_name_store = {"invite_name", CPL_STORE_MAP, 1, name_columns, NULL};
static const struct cpl_column pending_columns[] = {
	{"inviter", CPL_COLUMN_TEXT, false},
	{"roster_group", CPL_COLUMN_TEXT, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
/* Of the host; key: the localpart of a new account that is not the inviter's contact yet. */
const struct cpl_store invite_pending_store = {"invite_pending", CPL_STORE_MAP, 1, pending_columns, NULL};
static const struct cpl_column mine_columns[] = {
	{"expires", CPL_COLUMN_INTEGER, false},
	{NULL, CPL_COLUMN_TEXT, false},
};
/* Of the inviter; key: the hash of a token that counts. */
const struct cpl_store invite_mine_store = {"invite_mine", CPL_STORE_MAP, 1, mine_columns, NULL};
static const struct cpl_store *const stores[] = {&invite_store, &invite_use_store, &invite_name_store, &invite_pending_store, &invite_mine_store, NULL};

void invite_hash(struct cpl_str token, char hash[INVITE_HASH_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[32];
	unsigned size = sizeof(bytes);

	EVP_Digest(token.ptr, token.len, bytes, &size, EVP_sha256(), NULL);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		hash[2 * i] = digits[bytes[i] >> 4];
		hash[2 * i + 1] = digits[bytes[i] & 15];
	}
	hash[2 * sizeof(bytes)] = '\0';
}

struct invite invite_of(const struct cpl_row *row)
{
	const struct cpl_value *v = row->values;

	return (struct invite){(enum invite_kind)v[KIND].integer, v[LOCALPART].bytes, v[INVITER].bytes, v[GROUP].bytes, v[CREATED].integer,
			       v[EXPIRES].integer, v[USES].integer, v[USED].integer, v[IBR].integer != 0};
}

void invite_put(struct cpl_batch *batch, struct cpl_jid host, struct cpl_str hash, const struct invite *invite)
{
	struct cpl_value values[INVITE_COLUMNS] = {
		[KIND] = CPL_INTEGER(invite->kind),	  [LOCALPART] = CPL_BYTES(invite->localpart), [INVITER] = CPL_BYTES(invite->inviter),
		[GROUP] = CPL_BYTES(invite->group),	  [CREATED] = CPL_INTEGER(invite->created),   [EXPIRES] = CPL_INTEGER(invite->expires),
		[USES] = CPL_INTEGER(invite->uses),	  [USED] = CPL_INTEGER(invite->used),	      [IBR] = CPL_INTEGER(invite->ibr),
	};

	cpl_batch_set(batch, &invite_store, host, hash, values);
}

static struct cpl_str use_key(struct cpl_buf *key, struct cpl_str hash, int64_t number)
{
	cpl_buf_clear(key);
	cpl_buf_addf(key, "%.*s %lld", CPL_ARG(hash), (long long)number);
	return cpl_buf_str(key);
}

static void mine_remove(struct cpl_batch *batch, struct cpl_str inviter, struct cpl_str hash)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_jid jid;

	if (inviter.ptr && cpl_jid_parse(&jid, inviter, arena) == 0)
		cpl_batch_remove(batch, &invite_mine_store, jid, hash);
	cpl_arena_destroy(&arena);
}

void invite_use(struct cpl_batch *batch, struct cpl_jid host, struct cpl_str hash, const struct invite *invite, struct cpl_str who)
{
	struct cpl_value values[] = {CPL_BYTES(who), CPL_INTEGER(cpl_now())};
	struct invite used = *invite;
	struct cpl_buf key = {0};

	used.used++;
	cpl_batch_insert(batch, &invite_use_store, host, use_key(&key, hash, invite->used), values);
	invite_put(batch, host, hash, &used);
	if (used.used >= used.uses)
		mine_remove(batch, invite->inviter, hash);
	cpl_buf_finish(&key);
}

void invite_remove(struct cpl_batch *batch, struct cpl_jid host, struct cpl_str hash, const struct invite *invite)
{
	struct cpl_buf key = {0};

	cpl_batch_remove(batch, &invite_store, host, hash);
	for (int64_t i = 0; i < invite->used; i++)
		cpl_batch_remove(batch, &invite_use_store, host, use_key(&key, hash, i));
	if (invite->kind == INVITE_ACCOUNT && invite->localpart.ptr && invite->used < invite->uses)
		cpl_batch_remove(batch, &invite_name_store, host, invite->localpart);
	mine_remove(batch, invite->inviter, hash);
	cpl_buf_finish(&key);
}

/* ---- the module ---- */

/* XEP-0445 3 */
void redeem_on_features(struct cpl_module *self, struct cpl_ev_features *ev)
{
	if (ev->session->type == CPL_SESSION_C2S_UNAUTHED)
		cpl_add(ev->features, ev->features->root, &token_feature);
}

static struct cpl_name *const names[] = {&invites_preauth, &token_feature, &adhoc_command, NULL};

static const struct cpl_event_row events[] = {
	CPL_ON(stream_features, redeem_on_features, FEATURE, 9),
	CPL_ON(account_creating, redeem_on_creating, POLICY, 5),
	CPL_ON(account_created, accept_on_created, VALIDATE, 0),
	CPL_ON(pre_bind, accept_on_bind, FEATURE, 0),
	CPL_ON(presence, subscribe_on_presence, POLICY, 0),
	CPL_ON(pre_iq, adhoc_on_iq, FEATURE, 0),
	CPL_ON(disco_items, adhoc_on_items, FEATURE, 10),
	CPL_ON(disco_info, adhoc_on_info, FEATURE, 10),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_SET, CPL_TO_SELF | CPL_TO_HOST, &invites_preauth, redeem_on_preauth, CPL_IN(C2S_UNAUTHED)},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"http://jabber.org/protocol/commands", CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(invites) = {
	CPL_MODULE_HEAD("invites", "1.0", "Invitations to contacts and accounts, and tokens for new passwords (XEP-0401, XEP-0379, XEP-0445)"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct invites_config),
	.check = check,
	.events = events,
	.iqs = iqs,
	.features = features,
	.commands = invites_commands,
	.stores = stores,
	.slots = invites_slots,
	.needs = needs,
	.provides = provides,
	.permissions = permissions,
	.start = accept_start,
};
