/* SPDX-License-Identifier: MIT */
/*
 * The roster (RFC 6121 2): the account's contacts, loaded with the account, changed in order, pushed to interested resources. Provides the service
 * "roster". Keeps the stores roster, roster_request and roster_version.
 */
#include "modules/roster/roster.h"

static const struct cpl_option roster_options[] = {
	CPL_OPT_INT(struct roster_config, max_items, "1000", "1", "100000", CPL_RELOADABLE, "The most contacts that an account may have."),
	CPL_OPT_END,
};

static const struct cpl_column roster_columns[] = {
	{"name", CPL_COLUMN_TEXT, false},	{"subscription", CPL_COLUMN_TEXT, false}, {"ask", CPL_COLUMN_INTEGER, false},
	{"approved", CPL_COLUMN_INTEGER, false}, {"groups", CPL_COLUMN_TEXT, false},	  {NULL, CPL_COLUMN_TEXT, false},
};
static const struct cpl_column request_columns[] = {{"stanza", CPL_COLUMN_STANZA, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_column version_columns[] = {{"version", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};

const struct cpl_store roster_store = {"roster", CPL_STORE_MAP, 1, roster_columns, NULL};
const struct cpl_store roster_request_store = {"roster_request", CPL_STORE_MAP, 1, request_columns, NULL};
const struct cpl_store roster_version_store = {"roster_version", CPL_STORE_KEYVAL, 1, version_columns, NULL};

static const struct cpl_store *const roster_stores[] = {&roster_store, &roster_request_store, &roster_version_store, NULL};

CPL_SLOT_DEFINE(roster_slot, 3, roster_release, NULL);
static struct cpl_slot *const roster_slots[] = {&roster_slot, NULL};

static const struct cpl_iq_row roster_iqs[] = {
	{CPL_IQ_GET, CPL_TO_SELF, &roster_name_query, roster_on_get, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &roster_name_query, roster_on_set, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_event_row roster_events[] = {
	CPL_ON(user_load, roster_on_user_load, FEATURE, 0),
	CPL_ON(user_load, roster_on_user_load, OBSERVE, 1000), /* for one that was past the other when the module came */
	CPL_ON(roster_share, roster_on_share, FEATURE, 0),
	CPL_ON(stream_features, roster_on_features, FEATURE, 20),
	CPL_ON_END,
};

static const struct cpl_feature_row roster_features[] = {{"jabber:iq:roster", CPL_OF_HOST}, {NULL, 0}};

static const struct cpl_roster_service roster_service = {sizeof(struct cpl_roster_service), roster_change, roster_answer, roster_push_to};
static const struct cpl_provide_row roster_provides[] = {{"roster", 1, &roster_service}, {NULL, 0, NULL}};

CPL_MODULE(roster) = {
	CPL_MODULE_HEAD("roster", "1.0", "Contact lists with versions and pushes (RFC 6121)"),
	.names = roster_names,
	.options = roster_options,
	.config_size = sizeof(struct roster_config),
	.events = roster_events,
	.iqs = roster_iqs,
	.features = roster_features,
	.stores = roster_stores,
	.slots = roster_slots,
	.provides = roster_provides,
	.commands = roster_commands,
	.start = roster_on_start,
	.transfers = roster_transfers,
};
