/* SPDX-License-Identifier: MIT */
/*
 * Which structs of this API never change their size within a major version: those that modules embed in their own, pass by value, make themselves or keep
 * in arrays. The others are made by the core, or say their own size, and may grow at the end with a minor version.
 */
#ifndef COUPLET_FROZEN_H
#define COUPLET_FROZEN_H

#include <couplet/module.h>

/* Says that a struct has so many bytes where a pointer has eight. The header names these: */
#define CPL_FROZEN(name, bytes)                                                                                                  \
	_Static_assert(sizeof(void *) != 8 || sizeof(struct name) == (bytes), "the size of struct " #name " is frozen")

/* By value, or in the module's own memory. */
CPL_FROZEN(cpl_str, 16);
CPL_FROZEN(cpl_buf, 24);
CPL_FROZEN(cpl_list, 16);
CPL_FROZEN(cpl_map, 24);
CPL_FROZEN(cpl_map_entry, 32);
CPL_FROZEN(cpl_jid, 16);
CPL_FROZEN(cpl_error, 512);
CPL_FROZEN(cpl_str_list, 16);
CPL_FROZEN(cpl_enum_list, 16);
CPL_FROZEN(cpl_slots, 16);
CPL_FROZEN(cpl_scope, 32);
CPL_FROZEN(cpl_value, 32);
CPL_FROZEN(cpl_row, 80);
CPL_FROZEN(cpl_archive_query, 64);
CPL_FROZEN(cpl_id_choice, 48);
CPL_FROZEN(cpl_archive_item, 56);
CPL_FROZEN(cpl_archive_question, 152);
CPL_FROZEN(cpl_archive_preferences, 40);
CPL_FROZEN(cpl_visit, 64);

/* Calls, embedded in the structs of those who make them. */
CPL_FROZEN(cpl_call, 112);
CPL_FROZEN(cpl_store_call, 168);
CPL_FROZEN(cpl_user_call, 136);
CPL_FROZEN(cpl_online_call, 152);
CPL_FROZEN(cpl_iq_call, 184);
CPL_FROZEN(cpl_account_request, 688);
CPL_FROZEN(cpl_invite_redeem, 152);
CPL_FROZEN(cpl_invite_shown, 40);
CPL_FROZEN(cpl_authenticate, 128);
CPL_FROZEN(cpl_bind, 128);
CPL_FROZEN(cpl_roster_change, 304);
CPL_FROZEN(cpl_archive_append, 208);
CPL_FROZEN(cpl_archive_page, 184);
CPL_FROZEN(cpl_archive_wishes, 200);
CPL_FROZEN(cpl_archive_purge, 152);
CPL_FROZEN(cpl_role_call, 128);
CPL_FROZEN(cpl_account_call, 224);
CPL_FROZEN(cpl_account_state, 96);
CPL_FROZEN(cpl_disabling, 56);
CPL_FROZEN(cpl_command_run, 240);
CPL_FROZEN(cpl_http_call, 200);

/* Declarations without a size of their rows. */
CPL_FROZEN(cpl_name, 24);
CPL_FROZEN(cpl_slot, 48);
CPL_FROZEN(cpl_service_ref, 16);
CPL_FROZEN(cpl_event_ref, 24);
CPL_FROZEN(cpl_provide_row, 24);
CPL_FROZEN(cpl_need_row, 16);
CPL_FROZEN(cpl_store, 32);
CPL_FROZEN(cpl_column, 16);

/* What a module makes that brings connections or rosters. */
CPL_FROZEN(cpl_conn, 192);
CPL_FROZEN(cpl_conn_ops, 96);
CPL_FROZEN(cpl_conn_limits, 48);
CPL_FROZEN(cpl_stream_header, 88);
CPL_FROZEN(cpl_roster, 48);
CPL_FROZEN(cpl_roster_item, 56);

/* What is asked over HTTP; what is known of a command. */
CPL_FROZEN(cpl_http_request, 128);
CPL_FROZEN(cpl_http_header, 32);
CPL_FROZEN(cpl_command_view, 648);
CPL_FROZEN(cpl_command_field, 24);

/* Heads and parts of other structs; payloads of events of the core that modules fire. */
CPL_FROZEN(cpl_event, 56);
CPL_FROZEN(cpl_node, 16);
CPL_FROZEN(cpl_ev_account, 32);
CPL_FROZEN(cpl_ev_attempt, 48);
CPL_FROZEN(cpl_ev_creating, 608);
CPL_FROZEN(cpl_ev_disco, 72);
CPL_FROZEN(cpl_ev_roster, 48);
CPL_FROZEN(cpl_ev_see, 24);
CPL_FROZEN(cpl_ev_archive, 40);

#endif
