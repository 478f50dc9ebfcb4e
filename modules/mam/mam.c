/* SPDX-License-Identifier: MIT */
/*
 * Message Archive Management (XEP-0313) with preferences (XEP-0441): what accounts send and receive is archived, gets its id (XEP-0359), and is found again. The keeping is that of whoever
 * provides the service "archive".
 */
#include "modules/mam/mam.h"

static const char *const policies[] = {[CPL_ARCHIVE_ALWAYS] = "always", [CPL_ARCHIVE_ROSTER] = "roster", [CPL_ARCHIVE_NEVER] = "never", NULL};

static const struct cpl_option options[] = {
	CPL_OPT_ENUM(struct mam_config, policy, "always", policies, CPL_RELOADABLE,
		     "Whose messages are archived for accounts that have wished nothing else: everybody's, those of contacts, nobody's."),
	CPL_OPT_BOOL(struct mam_config, preferences, "true", CPL_RELOADABLE, "Whether accounts may wish something else (XEP-0441)."),
	CPL_OPT_INT(struct mam_config, max_preferences, "500", "0", "10000", CPL_RELOADABLE, "The most addresses that an account's preferences may name."),
	CPL_OPT_INT(struct mam_config, page_size, "50", "1", "1000", CPL_RELOADABLE, "Messages in an answer when the client has named no number."),
	CPL_OPT_INT(struct mam_config, max_page_size, "250", "1", "1000", CPL_RELOADABLE, "The most messages in an answer, whatever the client has named."),
	CPL_OPT_SIZE(struct mam_config, page_bytes, "256K", "1K", "64M", CPL_RELOADABLE, "An answer has fewer messages when they are more than this many bytes together."),
	CPL_OPT_END,
};

struct cpl_name mam_name_query = {MAM_NS, "query", 0, 0};
struct cpl_name mam_name_metadata = {MAM_NS, "metadata", 0, 0};
struct cpl_name mam_name_prefs = {MAM_NS, "prefs", 0, 0};
struct cpl_name mam_name_always = {MAM_NS, "always", 0, 0};
struct cpl_name mam_name_never = {MAM_NS, "never", 0, 0};
struct cpl_name mam_name_jid = {MAM_NS, "jid", 0, 0};
struct cpl_name mam_name_delay = {"urn:xmpp:delay", "delay", 0, 0};
struct cpl_name mam_name_stanza_id = {"urn:xmpp:sid:0", "stanza-id", 0, 0};

CPL_SERVICE_REF(archive_ref, "archive", 1);
static const struct cpl_need_row needs[] = {{&archive_ref, false}, {NULL, false}};

const struct cpl_archive_service *mam_archive(struct cpl_host *host, struct cpl_module **provider)
{
	return cpl_service_find(host, &archive_ref, provider);
}

CPL_SLOT_DEFINE(mam_slot, 1, mam_account_release, NULL);

/*
 * What is received gets its id before anybody keeps or delivers it, and behind all who may refuse or change it. In may_archive others answer before this module does in stages up to REWRITE,
 * and between its answers by their numbers.
 */
static const struct cpl_event_row events[] = {
	CPL_ON(pre_message, mam_on_sent, FEATURE, 50),
	CPL_ON(message, mam_on_received, REWRITE, 100),
	CPL_ON(message_undelivered, mam_on_undelivered, OBSERVE, 0),
	CPL_ON(session_out, mam_on_out, POLICY, 0),
	CPL_ON(may_archive, mam_heed_hints, FEATURE, 0),
	CPL_ON(may_archive, mam_judge_content, FEATURE, 10),
	CPL_ON(may_archive, mam_heed_preferences, FEATURE, 20),
	CPL_ON(user_load, mam_on_user_load, FEATURE, 10),
	CPL_ON(user_load, mam_on_user_load, OBSERVE, 1000), /* for one that was past the other when the module came */
	CPL_ON(iq, mam_on_iq, FEATURE, 0),
	CPL_ON_END,
};

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_SET, CPL_TO_SELF, &mam_name_query, mam_on_query, 0},
	{CPL_IQ_GET, CPL_TO_SELF, &mam_name_query, mam_on_form, 0},
	{CPL_IQ_GET, CPL_TO_SELF, &mam_name_metadata, mam_on_metadata, 0},
	{CPL_IQ_GET, CPL_TO_SELF, &mam_name_prefs, mam_on_prefs_get, 0},
	{CPL_IQ_SET, CPL_TO_SELF, &mam_name_prefs, mam_on_prefs_set, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{MAM_NS, CPL_OF_ACCOUNT},
	{MAM_NS "#extended", CPL_OF_ACCOUNT},
	{MAM_NS "#groupchat-field", CPL_OF_ACCOUNT},
	{"urn:xmpp:sid:0", CPL_OF_ACCOUNT},
	{"urn:xmpp:message-retract:1", CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(mam) = {
	CPL_MODULE_HEAD("mam", "1.0", "Message Archive Management (XEP-0313)"),
	.names = mam_names,
	.options = options,
	.config_size = sizeof(struct mam_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.slots = mam_slots,
	.needs = needs,
	.commands = mam_commands,
	.start = mam_on_start,
};
