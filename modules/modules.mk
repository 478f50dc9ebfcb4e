# modules: one shared object each; what several files make lies in a folder of the module's name.
MODULE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -Wl,-z,now

module_LTLIBRARIES += modules/adhoc.la
modules_adhoc_la_SOURCES = modules/adhoc/adhoc.c modules/adhoc/adhoc.h modules/adhoc/form.c modules/adhoc/profile.c modules/adhoc/profile.h modules/adhoc/session.c
modules_adhoc_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/archive.la
modules_archive_la_SOURCES = modules/archive/archive.c modules/archive/archive.h modules/archive/ask.c modules/archive/expire.c modules/archive/preferences.c \
	modules/archive/purge.c modules/archive/transfer.c
modules_archive_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/mam.la
modules_mam_la_SOURCES = modules/mam/answer.c modules/mam/commands.c modules/mam/keep.c modules/mam/mam.c modules/mam/mam.h modules/mam/preferences.c \
	modules/mam/query.c modules/mam/seen.c modules/mam/worth.c
modules_mam_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/auth.la
modules_auth_la_SOURCES = \
	modules/auth/accounts.c modules/auth/accounts.h \
	modules/auth/auth.c modules/auth/auth.h \
	modules/auth/commands.c modules/auth/commands.h \
	modules/auth/credential.c modules/auth/credential.h \
	modules/auth/exchange.c modules/auth/exchange.h \
	modules/auth/import.c \
	modules/auth/mechanism.c modules/auth/mechanism.h \
	modules/auth/names.c modules/auth/names.h \
	modules/auth/plain.c modules/auth/plain.h \
	modules/auth/plain_exchange.c \
	modules/auth/scram.c modules/auth/scram.h \
	modules/auth/scram_exchange.c \
	modules/auth/transfer.c
modules_auth_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_auth_la_LIBADD = $(OPENSSL_LIBS)

module_LTLIBRARIES += modules/bind.la
modules_bind_la_SOURCES = modules/bind.c
modules_bind_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/delegation.la
modules_delegation_la_SOURCES = modules/delegation/delegation.c modules/delegation/delegation.h modules/delegation/forward.c modules/delegation/nested.c
modules_delegation_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/disco.la
modules_disco_la_SOURCES = modules/disco/caps.c modules/disco/caps.h modules/disco/disco.c
modules_disco_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_disco_la_LIBADD = $(OPENSSL_LIBS)

module_LTLIBRARIES += modules/invites.la
modules_invites_la_SOURCES = modules/invites/accept.c modules/invites/adhoc.c modules/invites/commands.c modules/invites/create.c modules/invites/invites.c \
	modules/invites/invites.h modules/invites/redeem.c modules/invites/subscribe.c
modules_invites_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_invites_la_LIBADD = $(OPENSSL_LIBS)

module_LTLIBRARIES += modules/mimicking.la
modules_mimicking_la_SOURCES = modules/mimicking.c
modules_mimicking_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_mimicking_la_CPPFLAGS = $(AM_CPPFLAGS) $(ICU_CFLAGS)
modules_mimicking_la_LIBADD = $(ICU_LIBS)

module_LTLIBRARIES += modules/tombstones.la
modules_tombstones_la_SOURCES = modules/tombstones.c
modules_tombstones_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/welcome.la
modules_welcome_la_SOURCES = modules/welcome.c
modules_welcome_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/registration_watch.la
modules_registration_watch_la_SOURCES = modules/registration_watch.c
modules_registration_watch_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/ping.la
modules_ping_la_SOURCES = modules/ping.c
modules_ping_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/lastlogin.la
modules_lastlogin_la_SOURCES = modules/lastlogin.c
modules_lastlogin_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/limits.la
modules_limits_la_SOURCES = modules/limits/commands.c modules/limits/connections.c modules/limits/guess.c modules/limits/limits.c \
	modules/limits/limits.h modules/limits/table.c modules/limits/table.h
modules_limits_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/quota.la
modules_quota_la_SOURCES = modules/quota.c
modules_quota_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/time.la
modules_time_la_SOURCES = modules/time.c
modules_time_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/tls.la
modules_tls_la_SOURCES = modules/tls.c
modules_tls_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/version.la
modules_version_la_SOURCES = modules/version.c
modules_version_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/roster.la
modules_roster_la_SOURCES = modules/roster/roster.c modules/roster/roster.h modules/roster/commands.c modules/roster/roster_change.c modules/roster/roster_share.c \
	modules/roster/roster_iq.c modules/roster/roster_load.c modules/roster/roster_transfer.c
modules_roster_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/presence.la
modules_presence_la_SOURCES = modules/presence/presence.c modules/presence/presence.h modules/presence/blocking.c modules/presence/broadcast.c modules/presence/subscription.c
modules_presence_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/message.la
modules_message_la_SOURCES = modules/message.c
modules_message_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/iq.la
modules_iq_la_SOURCES = modules/iq.c
modules_iq_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/offline.la
modules_offline_la_SOURCES = modules/offline.c
modules_offline_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/external.la
modules_external_la_SOURCES = modules/external.c
modules_external_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_external_la_LIBADD = $(OPENSSL_LIBS)

module_LTLIBRARIES += modules/privilege.la
modules_privilege_la_SOURCES = modules/privilege/behalf.c modules/privilege/contacts.c modules/privilege/privilege.c modules/privilege/privilege.h
modules_privilege_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/private.la
modules_private_la_SOURCES = modules/private.c
modules_private_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/vcard.la
modules_vcard_la_SOURCES = modules/vcard.c
modules_vcard_la_LDFLAGS = $(MODULE_LDFLAGS)
module_LTLIBRARIES += modules/contact.la
modules_contact_la_SOURCES = modules/contact.c
modules_contact_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/server_info.la
modules_server_info_la_SOURCES = modules/server_info.c
modules_server_info_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/outage.la
modules_outage_la_SOURCES = modules/outage.c
modules_outage_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/external_services.la
modules_external_services_la_SOURCES = modules/external_services.c
modules_external_services_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_external_services_la_LIBADD = $(OPENSSL_LIBS)

module_LTLIBRARIES += modules/announce.la
modules_announce_la_SOURCES = modules/announce.c
modules_announce_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/motd.la
modules_motd_la_SOURCES = modules/motd.c
modules_motd_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_motd_la_LIBADD = $(OPENSSL_LIBS)

module_LTLIBRARIES += modules/register.la
modules_register_la_SOURCES = modules/register/own.c modules/register/rates.c modules/register/register.c modules/register/register.h \
	modules/register/stranger.c
modules_register_la_LDFLAGS = $(MODULE_LDFLAGS)
module_LTLIBRARIES += modules/blocklist.la
modules_blocklist_la_SOURCES = modules/blocklist/blocklist.c modules/blocklist/blocklist.h modules/blocklist/commands.c modules/blocklist/list.c \
	modules/blocklist/request.c modules/blocklist/transfer.c
modules_blocklist_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/lastactivity.la
modules_lastactivity_la_SOURCES = modules/lastactivity.c
modules_lastactivity_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/uptime.la
modules_uptime_la_SOURCES = modules/uptime.c
modules_uptime_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/groups.la
modules_groups_la_SOURCES = modules/groups/commands.c modules/groups/groups.c modules/groups/groups.h modules/groups/set.c
modules_groups_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/admin.la
modules_admin_la_SOURCES = modules/admin/admin.c modules/admin/admin.h modules/admin/privileges.c modules/admin/shutdown.c modules/admin/users.c
modules_admin_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/firewall.la
modules_firewall_la_SOURCES = \
	modules/firewall/commands.c \
	modules/firewall/firewall.c modules/firewall/firewall.h \
	modules/firewall/rates.c modules/firewall/rates.h \
	modules/firewall/rules.h modules/firewall/rules_match.c modules/firewall/rules_parse.c
modules_firewall_la_LDFLAGS = $(MODULE_LDFLAGS)
