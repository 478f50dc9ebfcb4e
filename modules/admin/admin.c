/* SPDX-License-Identifier: MIT */
/*
 * Service Administration (XEP-0133): the commands of coupletctl under the names and with the forms of that specification, offered by the module adhoc; and those commands that
 * it asks for and that no other module has. The table below is in the order of its section 4. Hears adhoc.commands.
 */
#include "modules/admin/admin.h"

#include <couplet/adhoc.h>

#define NS_ADMIN "http://jabber.org/protocol/admin"
#define NODE(name) NS_ADMIN "#" name

static const struct cpl_option options[] = {
	CPL_OPT_TIME(struct admin_config, idle_after, "10m", "1s", "7d", CPL_RELOADABLE | CPL_GLOBAL_ONLY,
		     "An account that is connected is idle when none of its clients has sent anything for so long."),
	CPL_OPT_END,
};

/* ---- forms ---- */

#define FIELDS_END                                                                                                               \
	{                                                                                                                        \
		NULL, NULL, NULL, NULL, 0, NULL, NULL, {NULL, NULL, NULL}                                                        \
	}
#define RESULTS_END                                                                                                              \
	{                                                                                                                        \
		NULL, NULL, { NULL, NULL, NULL }                                                                                 \
	}
#define NO_PICK {NULL, NULL, NULL}
#define HOST_FIELD {"host", NULL, NULL, NULL, CPL_ADHOC_HOST, NULL, NULL, NO_PICK}
#define ACCOUNT_FIELD(label) {"account", "accountjid", "jid-single", label, CPL_ADHOC_REQUIRED, NULL, NULL, NO_PICK}
#define ACCOUNTS_FIELD(hole, label) {hole, "accountjids", "jid-multi", label, CPL_ADHOC_REQUIRED | CPL_ADHOC_EACH, NULL, NULL, NO_PICK}

static const char *const max_items[] = {"25", "25", "50", "50", "75", "75", "100", "100", "150", "150", "200", "200", "none", "None", NULL};
static const char *const delays[] = {"30",  "30 seconds", "60",	 "60 seconds", "90",  "90 seconds", "120", "2 minutes",
				     "180", "3 minutes",  "240", "4 minutes",  "300", "5 minutes",  NULL};

static const struct cpl_adhoc_field add_user[] = {
	ACCOUNT_FIELD("The address of the account to be added"),
	{"password", "password", "text-private", "The password for this account", CPL_ADHOC_REQUIRED, NULL, NULL, NO_PICK},
	{"password", "password-verify", "text-private", "The password once more", CPL_ADHOC_SAME, NULL, NULL, NO_PICK},
	FIELDS_END,
};
static const struct cpl_adhoc_field change_password[] = {
	ACCOUNT_FIELD("The address of the account"),
	{"password", "password", "text-private", "The new password for this account", CPL_ADHOC_REQUIRED, NULL, NULL, NO_PICK},
	FIELDS_END,
};
static const struct cpl_adhoc_field accounts[] = {ACCOUNTS_FIELD("account", "The addresses of the accounts"), FIELDS_END};
static const struct cpl_adhoc_field sessions[] = {ACCOUNTS_FIELD("address", "The addresses of the accounts, or of single sessions"), FIELDS_END};
static const struct cpl_adhoc_field account[] = {ACCOUNT_FIELD("The address of the account"), FIELDS_END};
static const struct cpl_adhoc_field host[] = {HOST_FIELD, FIELDS_END};

#define LIST_FIELDS(which)                                                                                                       \
	{                                                                                                                        \
		HOST_FIELD, {"which", NULL, NULL, NULL, CPL_ADHOC_FIXED, which, NULL, NO_PICK},                                  \
			{"limit", "max_items", "list-single", "Maximum number of accounts to show", 0, "100", max_items, NO_PICK}, FIELDS_END \
	}
static const struct cpl_adhoc_field registered_list[] = LIST_FIELDS("registered");
static const struct cpl_adhoc_field disabled_list[] = LIST_FIELDS("disabled");
static const struct cpl_adhoc_field online_list[] = LIST_FIELDS("online");
static const struct cpl_adhoc_field active_list[] = LIST_FIELDS("active");
static const struct cpl_adhoc_field idle_list[] = LIST_FIELDS("idle");

static const struct cpl_adhoc_field announcement[] = {
	HOST_FIELD,
	{"text", "announcement", "text-multi", "Announcement", CPL_ADHOC_REQUIRED | CPL_ADHOC_LINES, NULL, NULL, NO_PICK},
	FIELDS_END,
};
static const struct cpl_adhoc_field set_motd[] = {
	HOST_FIELD,
	{"text", "motd", "text-multi", "Message of the day", CPL_ADHOC_REQUIRED | CPL_ADHOC_LINES, NULL, NULL, NO_PICK},
	FIELDS_END,
};
static const struct cpl_adhoc_field edit_motd[] = {
	HOST_FIELD,
	{"text", "motd", "text-multi", "Message of the day", CPL_ADHOC_REQUIRED | CPL_ADHOC_LINES, NULL, NULL, {"text", NULL, NULL}},
	FIELDS_END,
};
static const struct cpl_adhoc_field set_welcome[] = {
	HOST_FIELD,
	{"text", "welcome", "text-multi", "Welcome message", CPL_ADHOC_REQUIRED | CPL_ADHOC_LINES, NULL, NULL, NO_PICK},
	FIELDS_END,
};
static const struct cpl_adhoc_field edit_admin[] = {
	HOST_FIELD,
	{"accounts", "adminjids", "jid-multi", "The accounts that administer", CPL_ADHOC_WORDS, NULL, NULL, {"jid", "role", "admin"}},
	FIELDS_END,
};
static const struct cpl_adhoc_field stop[] = {
	{"delay", "delay", "list-single", "Time before it happens", 0, "30", delays, NO_PICK},
	{"announce", "announcement", "text-multi", "Announcement", CPL_ADHOC_LINES, NULL, NULL, NO_PICK},
	FIELDS_END,
};
static const struct cpl_adhoc_field restart[] = {
	{"delay", "delay", "list-single", "Time before it happens", 0, "30", delays, NO_PICK},
	{"announce", "announcement", "text-multi", "Announcement", CPL_ADHOC_LINES, NULL, NULL, NO_PICK},
	{"restart", NULL, NULL, NULL, CPL_ADHOC_FIXED, "true", NULL, NO_PICK},
	FIELDS_END,
};

/* ---- results ---- */

#define NUMBER(name, var, label, which) static const struct cpl_adhoc_result name[] = {{var, label, {"accounts", "which", which}}, RESULTS_END}
NUMBER(registered_num, "registeredusersnum", "The number of registered users", "registered");
NUMBER(disabled_num, "disabledusersnum", "The number of disabled users", "disabled");
NUMBER(online_num, "onlineusersnum", "The number of online users", "online");
NUMBER(active_num, "activeusersnum", "The number of active users", "active");
NUMBER(idle_num, "idleusersnum", "The number of idle users", "idle");

#define JIDS(name, var, label) static const struct cpl_adhoc_result name[] = {{var, label, {"jid", NULL, NULL}}, RESULTS_END}
JIDS(registered_jids, "registereduserjids", "The list of all users");
JIDS(disabled_jids, "disableduserjids", "The list of all disabled users");
JIDS(online_jids, "onlineuserjids", "The list of all online users");
JIDS(active_jids, "activeuserjids", "The list of active users");
JIDS(idle_jids, "idleuserjids", "The list of idle users");

static const struct cpl_adhoc_result reset[] = {
	{"x-uri", "Where the person sets a new password", {"uri", NULL, NULL}},
	{"x-expires", "Until when", {"expires", NULL, NULL}},
	RESULTS_END,
};
static const struct cpl_adhoc_result lastlogin[] = {{"lastlogin", "The time of the last login", {"value", "field", "last_login"}}, RESULTS_END};
static const struct cpl_adhoc_result stats[] = {
	{"ipaddresses", "The IP addresses of the account's sessions", {"value", "field", "address"}},
	{"rostersize", "The number of roster items", {"value", "field", "roster_size"}},
	{"onlineresources", "The names of the account's sessions", {"value", "field", "resource"}},
	{"stanzaspersecond", "The number of stanzas sent per second", {"value", "field", "stanzas_per_second"}},
	RESULTS_END,
};

/* ---- the table ---- */

#define ROW(node, title, instructions, words, fields, results) {NODE(node), title, instructions, words, fields, results, NS_ADMIN, NULL, false}
#define ROW_FILLED(node, title, instructions, words, fields, fill) {NODE(node), title, instructions, words, fields, NULL, NS_ADMIN, fill, false}

static const struct cpl_adhoc_command table[] = {
	ROW("add-user", "Add a User", "Fill out this form to add a user.", "adduser", add_user, NULL),
	ROW("delete-user", "Delete Users", "Their data are deleted, too; this cannot be undone.", "deluser", accounts, NULL),
	ROW("disable-user", "Disable Users", "Their sessions are closed, and nobody can log in to these accounts.", "user disable", accounts, NULL),
	ROW("reenable-user", "Re-Enable Users", "They can log in again.", "user enable", accounts, NULL),
	ROW("end-user-session", "End Sessions", "An account's sessions are all closed; an address with a resource is one session.", "session close", sessions, NULL),
	/* XEP-0133 4.6 gave out the password and is retracted; nobody knows it, so its holder gets a link to set another. */
	ROW("get-user-password", "Get a Password Reset Link", "Give the link to the person whose account it is.", "user reset", account, reset),
	ROW("change-user-password", "Change a Password", "The account's sessions are closed.", "passwd", change_password, NULL),
	{NODE("get-user-roster"), "Get the Roster of Users", "Fill out this form to get a user's roster.", "roster show", accounts, NULL, NS_ADMIN, NULL, true},
	ROW("get-user-lastlogin", "Get the Last Login of Users", "Fill out this form to get the time of the last login.", "user info", accounts, lastlogin),
	ROW("user-stats", "Get Statistics of a User", "Fill out this form to gather statistics of a user.", "user stats", account, stats),
	ROW("get-registered-users-num", "Get Number of Registered Users", NULL, "user count", host, registered_num),
	ROW("get-disabled-users-num", "Get Number of Disabled Users", NULL, "user count", host, disabled_num),
	ROW("get-online-users-num", "Get Number of Online Users", NULL, "user count", host, online_num),
	ROW("get-active-users-num", "Get Number of Active Users", NULL, "user count", host, active_num),
	ROW("get-idle-users-num", "Get Number of Idle Users", NULL, "user count", host, idle_num),
	ROW("get-registered-users-list", "Get List of Registered Users", "How many shall be shown?", "user find", registered_list, registered_jids),
	ROW("get-disabled-users-list", "Get List of Disabled Users", "How many shall be shown?", "user find", disabled_list, disabled_jids),
	ROW("get-online-users-list", "Get List of Online Users", "How many shall be shown?", "user find", online_list, online_jids),
	ROW("get-active-users", "Get List of Active Users", "How many shall be shown?", "user find", active_list, active_jids),
	ROW("get-idle-users", "Get List of Idle Users", "How many shall be shown?", "user find", idle_list, idle_jids),
	ROW("announce", "Make an Announcement", "It is sent to all who are connected.", "announce", announcement, NULL),
	ROW("set-motd", "Set the Message of the Day", "It is sent once to everybody.", "motd set", set_motd, NULL),
	ROW_FILLED("edit-motd", "Edit the Message of the Day", "What is changed is sent once more to everybody.", "motd set", edit_motd, "motd show"),
	ROW("delete-motd", "Delete the Message of the Day", NULL, "motd clear", host, NULL),
	ROW("set-welcome", "Set the Welcome Message", "It is sent to new accounts.", "welcome set", set_welcome, NULL),
	ROW("delete-welcome", "Delete the Welcome Message", "What the configuration says holds again.", "welcome reset", host, NULL),
	ROW_FILLED("edit-admin", "Edit the List of Admins", "These accounts have the role admin, and nobody else.", "user admins", edit_admin, "user roles"),
	ROW("restart", "Restart the Service", "When, and what shall be said before?", "server shutdown", restart, NULL),
	ROW("shutdown", "Shut Down the Service", "When, and what shall be said before?", "server shutdown", stop, NULL),
	{NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false},
};

static void on_commands(struct cpl_module *self, struct cpl_adhoc_commands *ev)
{
	cpl_adhoc_add(ev, table);
}

/* ---- the module ---- */

static const struct cpl_command commands[] = {
	{"user count <host>", "Counts the accounts of a host.",
	 "All of them, those that are disabled, those that are connected, and of these the active and the idle ones (option idle_after).", "which,accounts",
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), users_run_count},
	{"user find <host> <word:which> [--limit <word>]", "Lists the accounts of a host that are registered, disabled, online, active or idle.",
	 "Online are those that have a connected resource; they are active or idle (option idle_after).", "jid", CPL_COMMAND_FOR(CPL_ROLE_ADMIN), users_run_find},
	{"user stats <account>", "Shows how an account uses the server now.",
	 "The number of roster items, the resource and address of each session, and the stanzas that they have sent per second since they began.", "field,value",
	 CPL_COMMAND_FOR(CPL_ROLE_ADMIN), users_run_stats},
	{"user admins <host> [<text:accounts>]", "Gives the role admin to these accounts of a host, and takes it from all others.",
	 "Without an account, or with none, nobody has it any more. Operators, whom the option admins names, stay what they are.", NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), privileges_run_admins},
	{"server shutdown [--delay <int>] [--announce <text>] [--restart]", "Stops the server after some seconds, or starts it anew.",
	 "Does not wait for it. The text is announced to those who are connected, on all hosts, for which the module announce is needed. With --restart the server then runs anew; a "
	 "configuration with faults is refused before anything is said.",
	 NULL,
	 CPL_COMMAND_FOR(CPL_ROLE_OPERATOR), shutdown_run},
	CPL_COMMAND_END,
};

static const struct cpl_hear_row hears[] = {
	CPL_HEAR(adhoc, commands, on_commands, FEATURE, 0),
	CPL_HEAR_END,
};

CPL_MODULE(admin) = {
	CPL_MODULE_HEAD("admin", "1.0", "Service Administration (XEP-0133)"),
	.options = options,
	.config_size = sizeof(struct admin_config),
	.commands = commands,
	.hears = hears,
};
