# tests: unit (cmocka, mirrors core/), scenario, clients, fuzz, fault, reload, abi, lint.
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) -I$(top_srcdir)/tests/unit
UNIT_LIBS = libcore.la $(CMOCKA_LIBS)
# One program: NAME under check_PROGRAMS, then its _SOURCES, _CPPFLAGS and _LDADD. Those called test_... are run and counted by tests/run.
# Only folders in which nothing is built are distributed as such: make would take the build's files along.
EXTRA_DIST += tests/run tests/scenario tests/lint/checks.py tests/lint/modules.py tests/lint/pages.py tests/lint/run tests/clients/run tests/clients/person.py tests/clients/screen.py tests/clients/stage.py \
	tests/clients/test_component.py tests/clients/test_openssl.py tests/clients/test_profanity.py tests/clients/test_sendxmpp.py tests/clients/test_slixmpp.py tests/clients/test_slixmpp_adhoc.py tests/clients/test_slixmpp_data.py tests/clients/test_slixmpp_register.py tests/clients/test_strophe.py

# tests/clients: a client made with libstrophe, itself not checked by sanitizers
if HAVE_STROPHE
check_PROGRAMS += tests/clients/strophe
tests_clients_strophe_SOURCES = tests/clients/strophe.c
tests_clients_strophe_CFLAGS = $(WARN_CFLAGS) $(STROPHE_CFLAGS)
tests_clients_strophe_LDFLAGS =
tests_clients_strophe_LDADD = $(STROPHE_LIBS)
endif

# tests/unit/config
check_PROGRAMS += tests/unit/config/test_tree tests/unit/config/test_config
tests_unit_config_test_tree_SOURCES = tests/unit/config/test_tree.c tests/unit/config/fixture.h
tests_unit_config_test_tree_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_config_test_tree_LDADD = $(UNIT_LIBS)
tests_unit_config_test_config_SOURCES = tests/unit/config/test_config.c tests/unit/config/fixture.h
tests_unit_config_test_config_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_config_test_config_LDADD = $(UNIT_LIBS)

# tests/unit/migrate
check_PROGRAMS += tests/unit/migrate/test_lua
tests_unit_migrate_test_lua_SOURCES = tests/unit/migrate/test_lua.c tests/unit/unit.h core/migrate/lua.c
tests_unit_migrate_test_lua_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_migrate_test_lua_LDADD = $(UNIT_LIBS)

# tests/unit/admin
check_PROGRAMS += tests/unit/admin/test_form tests/unit/admin/test_command
tests_unit_admin_test_form_SOURCES = tests/unit/admin/test_form.c tests/unit/unit.h
tests_unit_admin_test_form_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_admin_test_form_LDADD = $(UNIT_LIBS)
tests_unit_admin_test_command_SOURCES = tests/unit/admin/test_command.c tests/unit/unit.h
tests_unit_admin_test_command_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_admin_test_command_LDADD = $(UNIT_LIBS)
# Export, import, and the move from other servers.
EXTRA_DIST += tests/migrate/ejabberd/example_org.xml tests/migrate/ejabberd/export.xml tests/migrate/test_ejabberd.py tests/migrate/test_ejabberd_live.py tests/migrate/test_live.py tests/migrate/house.py tests/migrate/persons.py tests/migrate/run tests/migrate/test_pie.py tests/migrate/test_prosody.py
# coupletctl from outside, and the texts made from the tables of options.
EXTRA_DIST += tests/admin/ctl tests/admin/check tests/admin/commands tests/admin/firewall tests/admin/reload tests/admin/growing.c tests/admin/shell tests/admin/stage.py tests/admin/stores tests/admin/watch tests/lint/options
# A module that tests/admin/ctl opens; -rpath makes libtool build something to be opened, nothing is installed there.
check_LTLIBRARIES += tests/admin/slow.la
tests_admin_slow_la_SOURCES = tests/admin/slow.c
tests_admin_slow_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere -Wl,-z,now

# tests/unit/net
if HAVE_CMOCKA
EXTRA_DIST += tests/unit/net/http_server
check_PROGRAMS += tests/unit/net/test_http
tests_unit_net_test_http_SOURCES = tests/unit/net/test_http.c tests/unit/unit.h
tests_unit_net_test_http_CPPFLAGS = $(UNIT_CPPFLAGS) -DSOURCE='"$(abs_top_srcdir)"'
tests_unit_net_test_http_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/net/test_conn_script tests/unit/net/test_conn_socket tests/unit/net/test_listener tests/unit/net/test_output \
	tests/unit/net/test_storm tests/unit/net/test_tls tests/unit/net/test_tls_context tests/unit/net/test_tls_kdf tests/unit/net/test_tls_hostile
tests_unit_net_test_conn_script_SOURCES = tests/unit/net/test_conn_script.c tests/unit/net/recorder.h
tests_unit_net_test_conn_script_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_conn_script_LDADD = $(UNIT_LIBS)
tests_unit_net_test_conn_socket_SOURCES = tests/unit/net/test_conn_socket.c tests/unit/net/peer.h tests/unit/net/recorder.h
tests_unit_net_test_conn_socket_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_conn_socket_LDADD = $(UNIT_LIBS)
tests_unit_net_test_listener_SOURCES = tests/unit/net/test_listener.c tests/unit/net/peer.h tests/unit/net/recorder.h
tests_unit_net_test_listener_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_listener_LDADD = $(UNIT_LIBS)
tests_unit_net_test_output_SOURCES = tests/unit/net/test_output.c
tests_unit_net_test_output_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_output_LDADD = $(UNIT_LIBS)
tests_unit_net_test_storm_SOURCES = tests/unit/net/test_storm.c tests/unit/net/certificate.h tests/unit/net/peer.h \
	tests/unit/net/recorder.h
tests_unit_net_test_storm_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_storm_LDADD = $(UNIT_LIBS)
tests_unit_net_test_tls_hostile_SOURCES = tests/unit/net/test_tls_hostile.c tests/unit/net/tls_client.h tests/unit/net/certificate.h \
	tests/unit/net/peer.h tests/unit/net/recorder.h
tests_unit_net_test_tls_hostile_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_tls_hostile_LDADD = $(UNIT_LIBS)
tests_unit_net_test_tls_SOURCES = tests/unit/net/test_tls.c tests/unit/net/tls_client.h tests/unit/net/certificate.h \
	tests/unit/net/peer.h tests/unit/net/recorder.h
tests_unit_net_test_tls_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_tls_LDADD = $(UNIT_LIBS)
tests_unit_net_test_tls_kdf_SOURCES = tests/unit/net/test_tls_kdf.c
tests_unit_net_test_tls_kdf_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_tls_kdf_LDADD = $(UNIT_LIBS)
tests_unit_net_test_tls_context_SOURCES = tests/unit/net/test_tls_context.c tests/unit/net/certificate.h
tests_unit_net_test_tls_context_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_tls_context_LDADD = $(UNIT_LIBS)
endif

# tests/unit/base, tests/unit/loop
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/base/test_str
tests_unit_base_test_str_SOURCES = tests/unit/base/test_str.c tests/unit/unit.h
tests_unit_base_test_str_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_str_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_trim
tests_unit_base_test_trim_SOURCES = tests/unit/base/test_trim.c tests/unit/unit.h
tests_unit_base_test_trim_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_trim_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_map
tests_unit_base_test_map_SOURCES = tests/unit/base/test_map.c tests/unit/unit.h
tests_unit_base_test_map_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_map_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_time
tests_unit_base_test_time_SOURCES = tests/unit/base/test_time.c tests/unit/unit.h
tests_unit_base_test_time_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_time_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_codec
tests_unit_base_test_codec_SOURCES = tests/unit/base/test_codec.c tests/unit/unit.h
tests_unit_base_test_codec_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_codec_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_memory
tests_unit_base_test_memory_SOURCES = tests/unit/base/test_memory.c tests/unit/unit.h
tests_unit_base_test_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_memory_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_ledger
tests_unit_base_test_ledger_SOURCES = tests/unit/base/test_ledger.c tests/unit/unit.h
tests_unit_base_test_ledger_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_ledger_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_metric
tests_unit_base_test_metric_SOURCES = tests/unit/base/test_metric.c tests/unit/unit.h
tests_unit_base_test_metric_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_metric_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_timing
tests_unit_base_test_timing_SOURCES = tests/unit/base/test_timing.c tests/unit/unit.h
tests_unit_base_test_timing_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_timing_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_watchdog
tests_unit_base_test_watchdog_SOURCES = tests/unit/base/test_watchdog.c tests/unit/unit.h
tests_unit_base_test_watchdog_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_watchdog_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/base/test_logger
tests_unit_base_test_logger_SOURCES = tests/unit/base/test_logger.c tests/unit/unit.h
tests_unit_base_test_logger_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_base_test_logger_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/loop/test_call_model
tests_unit_loop_test_call_model_SOURCES = tests/unit/loop/test_call_model.c tests/unit/unit.h
tests_unit_loop_test_call_model_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loop_test_call_model_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/loop/test_long_turn tests/unit/net/test_long_turn
tests_unit_loop_test_long_turn_SOURCES = tests/unit/loop/test_long_turn.c tests/unit/unit.h
tests_unit_loop_test_long_turn_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loop_test_long_turn_LDADD = $(UNIT_LIBS)
tests_unit_net_test_long_turn_SOURCES = tests/unit/net/test_long_turn.c tests/unit/net/peer.h tests/unit/net/recorder.h
tests_unit_net_test_long_turn_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_long_turn_LDADD = $(UNIT_LIBS)

check_PROGRAMS += tests/unit/loop/test_loop
tests_unit_loop_test_loop_SOURCES = tests/unit/loop/test_loop.c tests/unit/unit.h
tests_unit_loop_test_loop_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loop_test_loop_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/loop/test_worker
tests_unit_loop_test_worker_SOURCES = tests/unit/loop/test_worker.c tests/unit/unit.h
tests_unit_loop_test_worker_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_loop_test_worker_LDADD = $(UNIT_LIBS)

# tests/unit/modules
check_PROGRAMS += tests/unit/modules/test_scram tests/unit/modules/test_sasl tests/unit/modules/test_credential tests/unit/modules/test_caps
tests_unit_modules_test_scram_SOURCES = tests/unit/modules/test_scram.c modules/auth/scram.c
tests_unit_modules_test_scram_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_modules_test_scram_LDADD = $(UNIT_LIBS) $(OPENSSL_LIBS)
tests_unit_modules_test_sasl_SOURCES = tests/unit/modules/test_sasl.c modules/auth/mechanism.c modules/auth/plain.c modules/auth/scram.c
tests_unit_modules_test_sasl_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_modules_test_sasl_LDADD = $(UNIT_LIBS) $(OPENSSL_LIBS)
tests_unit_modules_test_credential_SOURCES = tests/unit/modules/test_credential.c modules/auth/credential.c modules/auth/scram.c
tests_unit_modules_test_credential_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_modules_test_credential_LDADD = $(UNIT_LIBS) $(OPENSSL_LIBS)
tests_unit_modules_test_caps_SOURCES = tests/unit/modules/test_caps.c modules/disco/caps.c
tests_unit_modules_test_caps_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_modules_test_caps_LDADD = $(UNIT_LIBS) $(OPENSSL_LIBS)
endif

# tests/unit/xml, tests/unit/xmpp: addresses
check_PROGRAMS += tests/unit/xml/test_framer tests/unit/xml/test_parser tests/unit/xml/test_stanza tests/unit/xmpp/test_jid
tests_unit_xml_test_framer_SOURCES = tests/unit/xml/test_framer.c
tests_unit_xml_test_framer_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xml_test_framer_LDADD = $(UNIT_LIBS)
tests_unit_xml_test_parser_SOURCES = tests/unit/xml/test_parser.c
tests_unit_xml_test_parser_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xml_test_parser_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/xml/test_data_form
tests_unit_xml_test_data_form_SOURCES = tests/unit/xml/test_data_form.c
tests_unit_xml_test_data_form_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xml_test_data_form_LDADD = $(UNIT_LIBS)
tests_unit_xml_test_stanza_SOURCES = tests/unit/xml/test_stanza.c
tests_unit_xml_test_stanza_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xml_test_stanza_LDADD = $(UNIT_LIBS)
tests_unit_xmpp_test_jid_SOURCES = tests/unit/xmpp/test_jid.c
tests_unit_xmpp_test_jid_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_jid_LDADD = $(UNIT_LIBS)
check_PROGRAMS += tests/unit/xmpp/test_store_id
tests_unit_xmpp_test_store_id_SOURCES = tests/unit/xmpp/test_store_id.c
tests_unit_xmpp_test_store_id_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_store_id_LDADD = $(UNIT_LIBS)

# The stage: a server without sockets, the bundled modules linked in as -dlpreopen would; for the unit tests of core/xmpp and for fuzzing.
STAGE_SOURCES = tests/unit/xmpp/stage.c tests/unit/xmpp/stage.h $(modules_auth_la_SOURCES) $(modules_bind_la_SOURCES) \
	$(modules_archive_la_SOURCES) $(modules_disco_la_SOURCES) $(modules_external_la_SOURCES) $(modules_iq_la_SOURCES) $(modules_mam_la_SOURCES) $(modules_memory_la_SOURCES) $(modules_message_la_SOURCES) \
	$(modules_offline_la_SOURCES) $(modules_ping_la_SOURCES) $(modules_presence_la_SOURCES) $(modules_roster_la_SOURCES) \
	$(modules_time_la_SOURCES) $(modules_tls_la_SOURCES) $(modules_version_la_SOURCES)
# Each module is compiled once for all programs on the stage.
check_LTLIBRARIES += tests/unit/xmpp/libstage.la
tests_unit_xmpp_libstage_la_SOURCES = $(STAGE_SOURCES)
tests_unit_xmpp_libstage_la_LIBADD = libtestcore.la
if HAVE_CMOCKA
STAGE_LIBS = tests/unit/xmpp/libstage.la $(UNIT_LIBS) $(OPENSSL_LIBS)
check_PROGRAMS += tests/unit/xmpp/test_session tests/unit/xmpp/test_input tests/unit/xmpp/test_account
tests_unit_xmpp_test_session_SOURCES = tests/unit/xmpp/test_session.c tests/unit/xmpp/probe.c tests/unit/xmpp/probe.h
tests_unit_xmpp_test_session_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_session_LDADD = $(STAGE_LIBS)
tests_unit_xmpp_test_input_SOURCES = tests/unit/xmpp/test_input.c tests/unit/xmpp/probe.c tests/unit/xmpp/probe.h
tests_unit_xmpp_test_input_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_input_LDADD = $(STAGE_LIBS)
tests_unit_xmpp_test_account_SOURCES = tests/unit/xmpp/test_account.c tests/unit/xmpp/probe.c tests/unit/xmpp/probe.h
tests_unit_xmpp_test_account_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_account_LDADD = $(STAGE_LIBS)
check_PROGRAMS += tests/unit/xmpp/test_reads
tests_unit_xmpp_test_reads_SOURCES = tests/unit/xmpp/test_reads.c tests/unit/xmpp/probe.c tests/unit/xmpp/probe.h
tests_unit_xmpp_test_reads_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_reads_LDADD = $(STAGE_LIBS)
check_PROGRAMS += tests/unit/admin/test_command_account
tests_unit_admin_test_command_account_SOURCES = tests/unit/admin/test_command_account.c tests/unit/xmpp/probe.c tests/unit/xmpp/probe.h
tests_unit_admin_test_command_account_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_admin_test_command_account_LDADD = $(STAGE_LIBS)
check_PROGRAMS += tests/unit/xmpp/test_account_state
tests_unit_xmpp_test_account_state_SOURCES = tests/unit/xmpp/test_account_state.c tests/unit/xmpp/probe.c tests/unit/xmpp/probe.h
tests_unit_xmpp_test_account_state_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_account_state_LDADD = $(STAGE_LIBS)
endif

# tests/fuzz: run with tests/fuzz/run
EXTRA_DIST += tests/fuzz/run tests/fuzz/xml.dict tests/fuzz/jid.dict tests/fuzz/firewall.dict tests/fuzz/sasl.dict tests/fuzz/dispatch.dict tests/fuzz/corpus
if FUZZERS
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += tests/fuzz/fuzz_framer tests/fuzz/fuzz_stream tests/fuzz/fuzz_stanza tests/fuzz/fuzz_jid
tests_fuzz_fuzz_framer_SOURCES = tests/fuzz/fuzz_framer.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_framer_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_framer_LDADD = libcore.la
tests_fuzz_fuzz_stream_SOURCES = tests/fuzz/fuzz_stream.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_stream_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_stream_LDADD = libcore.la
tests_fuzz_fuzz_stanza_SOURCES = tests/fuzz/fuzz_stanza.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_stanza_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_stanza_LDADD = libcore.la
noinst_PROGRAMS += tests/fuzz/fuzz_strict
tests_fuzz_fuzz_strict_SOURCES = tests/fuzz/fuzz_strict.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_strict_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_strict_LDADD = libcore.la
tests_fuzz_fuzz_jid_SOURCES = tests/fuzz/fuzz_jid.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_jid_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_jid_LDADD = libcore.la
noinst_PROGRAMS += tests/fuzz/fuzz_firewall
tests_fuzz_fuzz_firewall_SOURCES = tests/fuzz/fuzz_firewall.c tests/fuzz/fuzz.h modules/firewall/rates.c modules/firewall/rules_match.c modules/firewall/rules_parse.c
tests_fuzz_fuzz_firewall_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_firewall_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_firewall_LDADD = libcore.la
noinst_PROGRAMS += tests/fuzz/fuzz_sasl
tests_fuzz_fuzz_sasl_SOURCES = tests/fuzz/fuzz_sasl.c tests/fuzz/fuzz.h modules/auth/plain.c modules/auth/scram.c
tests_fuzz_fuzz_sasl_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_sasl_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sasl_LDADD = libcore.la $(OPENSSL_LIBS)
noinst_PROGRAMS += tests/fuzz/fuzz_lua tests/fuzz/fuzz_pie
tests_fuzz_fuzz_lua_SOURCES = tests/fuzz/fuzz_lua.c tests/fuzz/fuzz.h core/migrate/lua.c
tests_fuzz_fuzz_lua_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_lua_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_lua_LDADD = libcore.la
tests_fuzz_fuzz_pie_SOURCES = tests/fuzz/fuzz_pie.c tests/fuzz/fuzz.h core/migrate/pie.c core/migrate/record.c core/migrate/scram.c
tests_fuzz_fuzz_pie_CPPFLAGS = $(AM_CPPFLAGS)
tests_fuzz_fuzz_pie_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_pie_LDADD = libcore.la
noinst_PROGRAMS += tests/fuzz/fuzz_dispatch
tests_fuzz_fuzz_dispatch_SOURCES = tests/fuzz/fuzz_dispatch.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_dispatch_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_dispatch_LDADD = tests/unit/xmpp/libstage.la libcore.la $(OPENSSL_LIBS)
endif

# tests/unit/hook, tests/unit/xmpp, tests/unit/module: what modules declare beside handlers
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/admin/test_command_run tests/unit/hook/test_own tests/unit/module/test_schedule tests/unit/xmpp/test_permission
tests_unit_admin_test_command_run_SOURCES = tests/unit/admin/test_command_run.c tests/unit/unit.h
tests_unit_admin_test_command_run_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_admin_test_command_run_LDADD = $(UNIT_LIBS)
tests_unit_hook_test_own_SOURCES = tests/unit/hook/test_own.c tests/unit/hook/fixture.h
tests_unit_hook_test_own_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hook_test_own_LDADD = $(UNIT_LIBS)
tests_unit_module_test_schedule_SOURCES = tests/unit/module/test_schedule.c tests/unit/unit.h
tests_unit_module_test_schedule_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_module_test_schedule_LDADD = $(UNIT_LIBS)
tests_unit_xmpp_test_permission_SOURCES = tests/unit/xmpp/test_permission.c tests/unit/unit.h
tests_unit_xmpp_test_permission_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_permission_LDADD = $(UNIT_LIBS)
endif

# tests/unit/hook
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/hook/test_dispatch tests/unit/hook/test_suspend tests/unit/hook/test_slot
tests_unit_hook_test_dispatch_SOURCES = tests/unit/hook/test_dispatch.c tests/unit/hook/fixture.h
tests_unit_hook_test_dispatch_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hook_test_dispatch_LDADD = $(UNIT_LIBS)
tests_unit_hook_test_suspend_SOURCES = tests/unit/hook/test_suspend.c tests/unit/hook/fixture.h
tests_unit_hook_test_suspend_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hook_test_suspend_LDADD = $(UNIT_LIBS)
tests_unit_hook_test_slot_SOURCES = tests/unit/hook/test_slot.c tests/unit/hook/fixture.h
tests_unit_hook_test_slot_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_hook_test_slot_LDADD = $(UNIT_LIBS)
endif

# tests/unit/storage, tests/fault: the drivers behind the facade, linked in
if HAVE_CMOCKA
STORAGE_STAGE = tests/unit/storage/driver.c tests/unit/storage/driver.h $(modules_memory_la_SOURCES) $(modules_sqlite_la_SOURCES)
check_PROGRAMS += tests/unit/storage/test_facade tests/unit/storage/test_storage tests/unit/storage/test_sqlite tests/fault/test_storage
tests_unit_storage_test_facade_SOURCES = tests/unit/storage/test_facade.c $(STORAGE_STAGE)
tests_unit_storage_test_facade_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_storage_test_facade_LDADD = $(UNIT_LIBS) $(SQLITE_LIBS)
tests_unit_storage_test_storage_SOURCES = tests/unit/storage/suite.c tests/unit/storage/suite.h tests/unit/storage/suite_archive.c \
	tests/unit/storage/suite_rows.c tests/unit/storage/suite_schema.c tests/unit/storage/suite_usage.c tests/unit/storage/suite_expect.c $(STORAGE_STAGE)
tests_unit_storage_test_storage_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_storage_test_storage_LDADD = $(UNIT_LIBS) $(SQLITE_LIBS)
tests_unit_storage_test_sqlite_SOURCES = tests/unit/storage/test_sqlite.c $(STORAGE_STAGE)
tests_unit_storage_test_sqlite_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_storage_test_sqlite_LDADD = $(UNIT_LIBS) $(SQLITE_LIBS)
tests_fault_test_storage_SOURCES = tests/fault/test_storage.c tests/fault/faulty_vfs.c tests/fault/faulty_vfs.h $(STORAGE_STAGE)
tests_fault_test_storage_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_fault_test_storage_LDADD = $(UNIT_LIBS) $(SQLITE_LIBS)
endif

# tests/unit/module: a program, and modules that it opens, spoilt in several ways (KIND, see counter.c)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/module/test_manager
tests_unit_module_test_manager_SOURCES = tests/unit/module/test_manager.c tests/unit/module/ground.c tests/unit/module/ground.h \
	tests/unit/module/note.h
tests_unit_module_test_manager_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_module_test_manager_LDADD = $(UNIT_LIBS)
tests_unit_module_test_manager_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
check_PROGRAMS += tests/unit/module/test_change
tests_unit_module_test_change_SOURCES = tests/unit/module/test_change.c tests/unit/module/ground.c tests/unit/module/ground.h \
	tests/unit/module/note.h
tests_unit_module_test_change_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_module_test_change_LDADD = $(UNIT_LIBS)
tests_unit_module_test_change_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
check_PROGRAMS += tests/unit/module/test_read
tests_unit_module_test_read_SOURCES = tests/unit/module/test_read.c tests/unit/module/ground.c tests/unit/module/ground.h \
	tests/unit/module/note.h
tests_unit_module_test_read_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_module_test_read_LDADD = $(UNIT_LIBS)
tests_unit_module_test_read_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
# -rpath makes libtool build something to be opened; nothing is installed there.
TEST_MODULE_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere -Wl,-z,now
check_LTLIBRARIES += tests/unit/module/holder/holder.la tests/unit/module/nostore/nostore.la tests/unit/module/rival/rival.la
tests_unit_module_holder_holder_la_SOURCES = tests/unit/module/holder.c
tests_unit_module_holder_holder_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=1
tests_unit_module_holder_holder_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/holder2/holder.la
tests_unit_module_holder2_holder_la_SOURCES = tests/unit/module/holder.c
tests_unit_module_holder2_holder_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=2
tests_unit_module_holder2_holder_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_unit_module_nostore_nostore_la_SOURCES = tests/unit/module/nostore.c
tests_unit_module_nostore_nostore_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=1
tests_unit_module_nostore_nostore_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/nostore2/nostore.la
tests_unit_module_nostore2_nostore_la_SOURCES = tests/unit/module/nostore.c
tests_unit_module_nostore2_nostore_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=2
tests_unit_module_nostore2_nostore_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/nostore3/nostore.la
tests_unit_module_nostore3_nostore_la_SOURCES = tests/unit/module/nostore.c
tests_unit_module_nostore3_nostore_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=3
tests_unit_module_nostore3_nostore_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/nostore4/nostore.la
tests_unit_module_nostore4_nostore_la_SOURCES = tests/unit/module/nostore.c
tests_unit_module_nostore4_nostore_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=4
tests_unit_module_nostore4_nostore_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/nostore5/nostore.la
tests_unit_module_nostore5_nostore_la_SOURCES = tests/unit/module/nostore.c
tests_unit_module_nostore5_nostore_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=5
tests_unit_module_nostore5_nostore_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/nostore6/nostore.la
tests_unit_module_nostore6_nostore_la_SOURCES = tests/unit/module/nostore.c
tests_unit_module_nostore6_nostore_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=6
tests_unit_module_nostore6_nostore_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/nostore7/nostore.la
tests_unit_module_nostore7_nostore_la_SOURCES = tests/unit/module/nostore.c
tests_unit_module_nostore7_nostore_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=7
tests_unit_module_nostore7_nostore_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
tests_unit_module_rival_rival_la_SOURCES = tests/unit/module/rival.c
tests_unit_module_rival_rival_la_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_module_rival_rival_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter1/counter.la
tests_unit_module_counter1_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter1_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=1
tests_unit_module_counter1_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter2/counter.la
tests_unit_module_counter2_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter2_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=2
tests_unit_module_counter2_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter3/counter.la
tests_unit_module_counter3_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter3_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=3
tests_unit_module_counter3_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter4/counter.la
tests_unit_module_counter4_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter4_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=4
tests_unit_module_counter4_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter5/counter.la
tests_unit_module_counter5_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter5_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=5
tests_unit_module_counter5_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter6/counter.la
tests_unit_module_counter6_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter6_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=6
tests_unit_module_counter6_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter7/counter.la
tests_unit_module_counter7_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter7_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=7
tests_unit_module_counter7_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter8/counter.la
tests_unit_module_counter8_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter8_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=8
tests_unit_module_counter8_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter9/counter.la
tests_unit_module_counter9_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter9_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=9
tests_unit_module_counter9_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter10/counter.la
tests_unit_module_counter10_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter10_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=10
tests_unit_module_counter10_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter11/counter.la
tests_unit_module_counter11_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter11_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=11
tests_unit_module_counter11_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter12/counter.la
tests_unit_module_counter12_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter12_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=12
tests_unit_module_counter12_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter13/counter.la
tests_unit_module_counter13_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter13_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=13
tests_unit_module_counter13_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter14/counter.la
tests_unit_module_counter14_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter14_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=14
tests_unit_module_counter14_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter15/counter.la
tests_unit_module_counter15_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter15_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=15
tests_unit_module_counter15_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter16/counter.la
tests_unit_module_counter16_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter16_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=16
tests_unit_module_counter16_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter17/counter.la
tests_unit_module_counter17_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter17_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=17
tests_unit_module_counter17_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter18/counter.la
tests_unit_module_counter18_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter18_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=18
tests_unit_module_counter18_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
check_LTLIBRARIES += tests/unit/module/counter19/counter.la
tests_unit_module_counter19_counter_la_SOURCES = tests/unit/module/counter.c
tests_unit_module_counter19_counter_la_CPPFLAGS = $(UNIT_CPPFLAGS) -DKIND=19
tests_unit_module_counter19_counter_la_LDFLAGS = $(TEST_MODULE_LDFLAGS)
endif

# tests/plugin: the commands of plugins-api/README.md, on an installation of this build
EXTRA_DIST += tests/plugin/run tests/examples

# tests/api: what the headers take and what they refuse
EXTRA_DIST += tests/api/run tests/api/cases

# tests/abi: what a minor version of the API has, later ones have in the same place
EXTRA_DIST += tests/abi/run tests/abi/describe.py tests/abi/minors tests/abi/api-1.0 tests/abi/headers-1.0 tests/abi/api-1.1 tests/abi/witness.c

# tests/reload: modules that are changed under load
EXTRA_DIST += tests/reload/run tests/reload/state.py tests/reload/sample.c
check_PROGRAMS += tests/reload/traffic
tests_reload_traffic_SOURCES = tests/reload/traffic.c bench/client.c bench/client.h
tests_reload_traffic_LDADD = $(OPENSSL_LIBS)

# tests/lint/describe prints what a module's descriptor declares, for couplet-modules(5)
check_PROGRAMS += tests/lint/describe
tests_lint_describe_SOURCES = tests/lint/describe.c
tests_lint_describe_LDADD = $(libcore_la_OBJECTS) $(libcore_la_LIBADD)
tests_lint_describe_DEPENDENCIES = $(libcore_la_OBJECTS)
tests_lint_describe_LDFLAGS = $(AM_LDFLAGS) -export-dynamic

# tests/modules: the cases of bundled modules, for couplet-module-test; run and counted by tests/modules/run
EXTRA_DIST += tests/modules/run tests/modules/wrong.titles
MODULE_TEST_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath $(abs_builddir)
check_LTLIBRARIES += tests/modules/ping.la
tests_modules_ping_la_SOURCES = tests/modules/ping.c
tests_modules_ping_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/archive.la
tests_modules_archive_la_SOURCES = tests/modules/archive.c
tests_modules_archive_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/mam.la
tests_modules_mam_la_SOURCES = tests/modules/mam.c
tests_modules_mam_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/version.la
tests_modules_version_la_SOURCES = tests/modules/version.c
tests_modules_version_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/lastlogin.la
tests_modules_lastlogin_la_SOURCES = tests/modules/lastlogin.c
tests_modules_lastlogin_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/limits.la
tests_modules_limits_la_SOURCES = tests/modules/limits.c
tests_modules_limits_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/quota.la
tests_modules_quota_la_SOURCES = tests/modules/quota.c
tests_modules_quota_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/time.la
tests_modules_time_la_SOURCES = tests/modules/time.c
tests_modules_time_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/disco.la
tests_modules_disco_la_SOURCES = tests/modules/disco.c
tests_modules_disco_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/invites.la
tests_modules_invites_la_SOURCES = tests/modules/invites.c
tests_modules_invites_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/tombstones.la
tests_modules_tombstones_la_SOURCES = tests/modules/tombstones.c
tests_modules_tombstones_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/mimicking.la
tests_modules_mimicking_la_SOURCES = tests/modules/mimicking.c
tests_modules_mimicking_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/register.la
tests_modules_register_la_SOURCES = tests/modules/register.c
tests_modules_register_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/offline.la
tests_modules_offline_la_SOURCES = tests/modules/offline.c
tests_modules_offline_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/roster.la
tests_modules_roster_la_SOURCES = tests/modules/roster.c
tests_modules_roster_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/presence.la
tests_modules_presence_la_SOURCES = tests/modules/presence.c
tests_modules_presence_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/message.la
tests_modules_message_la_SOURCES = tests/modules/message.c
tests_modules_message_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/iq.la
tests_modules_iq_la_SOURCES = tests/modules/iq.c
tests_modules_iq_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/delegation.la
tests_modules_delegation_la_SOURCES = tests/modules/delegation.c
tests_modules_delegation_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/privilege.la
tests_modules_privilege_la_SOURCES = tests/modules/privilege.c
tests_modules_privilege_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/external.la
tests_modules_external_la_SOURCES = tests/modules/external.c
tests_modules_external_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/private.la
tests_modules_private_la_SOURCES = tests/modules/private.c
tests_modules_private_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/vcard.la
tests_modules_vcard_la_SOURCES = tests/modules/vcard.c
tests_modules_vcard_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/contact.la
tests_modules_contact_la_SOURCES = tests/modules/contact.c
tests_modules_contact_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/server_info.la
tests_modules_server_info_la_SOURCES = tests/modules/server_info.c
tests_modules_server_info_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/outage.la
tests_modules_outage_la_SOURCES = tests/modules/outage.c
tests_modules_outage_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/external_services.la
tests_modules_external_services_la_SOURCES = tests/modules/external_services.c
tests_modules_external_services_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/announce.la
tests_modules_announce_la_SOURCES = tests/modules/announce.c
tests_modules_announce_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/motd.la
tests_modules_motd_la_SOURCES = tests/modules/motd.c
tests_modules_motd_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/blocklist.la
tests_modules_blocklist_la_SOURCES = tests/modules/blocklist.c
tests_modules_blocklist_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/lastactivity.la
tests_modules_lastactivity_la_SOURCES = tests/modules/lastactivity.c
tests_modules_lastactivity_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/groups.la
tests_modules_groups_la_SOURCES = tests/modules/groups.c
tests_modules_groups_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/adhoc.la
tests_modules_adhoc_la_SOURCES = tests/modules/adhoc.c
tests_modules_adhoc_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/admin.la
tests_modules_admin_la_SOURCES = tests/modules/admin.c
tests_modules_admin_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
EXTRA_DIST += tests/clients/test_slixmpp_admin.py
EXTRA_DIST += tests/deb/run
# Modules that are wrong on purpose, each in its own way: what couplet-module-test must find.
check_LTLIBRARIES += tests/modules/wrong0/wrong.la
tests_modules_wrong0_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong0_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=0
tests_modules_wrong0_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong1/wrong.la
tests_modules_wrong1_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong1_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=1
tests_modules_wrong1_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong2/wrong.la
tests_modules_wrong2_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong2_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=2
tests_modules_wrong2_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong3/wrong.la
tests_modules_wrong3_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong3_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=3
tests_modules_wrong3_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong4/wrong.la
tests_modules_wrong4_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong4_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=4
tests_modules_wrong4_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong5/wrong.la
tests_modules_wrong5_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong5_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=5
tests_modules_wrong5_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong6/wrong.la
tests_modules_wrong6_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong6_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=6
tests_modules_wrong6_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong7/wrong.la
tests_modules_wrong7_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong7_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=7
tests_modules_wrong7_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong8/wrong.la
tests_modules_wrong8_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong8_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=8
tests_modules_wrong8_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong9/wrong.la
tests_modules_wrong9_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong9_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=9
tests_modules_wrong9_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong10/wrong.la
tests_modules_wrong10_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong10_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=10
tests_modules_wrong10_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong11/wrong.la
tests_modules_wrong11_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong11_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=11
tests_modules_wrong11_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong12/wrong.la
tests_modules_wrong12_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong12_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=12
tests_modules_wrong12_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong13/wrong.la
tests_modules_wrong13_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong13_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=13
tests_modules_wrong13_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong14/wrong.la
tests_modules_wrong14_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong14_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=14
tests_modules_wrong14_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong15/wrong.la
tests_modules_wrong15_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong15_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=15
tests_modules_wrong15_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong16/wrong.la
tests_modules_wrong16_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong16_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=16
tests_modules_wrong16_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong17/wrong.la
tests_modules_wrong17_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong17_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=17
tests_modules_wrong17_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/wrong18/wrong.la
tests_modules_wrong18_wrong_la_SOURCES = tests/modules/wrong.c
tests_modules_wrong18_wrong_la_CPPFLAGS = $(AM_CPPFLAGS) -DKIND=18
tests_modules_wrong18_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS) -Wl,-z,nodelete
check_LTLIBRARIES += tests/modules/test_wrong.la
tests_modules_test_wrong_la_SOURCES = tests/modules/test_wrong.c
tests_modules_test_wrong_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)

# tests/modules: of those that every server has
check_LTLIBRARIES += tests/modules/auth.la
tests_modules_auth_la_SOURCES = tests/modules/auth.c
tests_modules_auth_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/bind.la
tests_modules_bind_la_SOURCES = tests/modules/bind.c
tests_modules_bind_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/tls.la
tests_modules_tls_la_SOURCES = tests/modules/tls.c
tests_modules_tls_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/sqlite.la
tests_modules_sqlite_la_SOURCES = tests/modules/sqlite.c
tests_modules_sqlite_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)
check_LTLIBRARIES += tests/modules/memory.la
tests_modules_memory_la_SOURCES = tests/modules/memory.c
tests_modules_memory_la_LDFLAGS = $(MODULE_TEST_LDFLAGS)

check_PROGRAMS += tests/unit/xmpp/test_order
tests_unit_xmpp_test_order_SOURCES = tests/unit/xmpp/test_order.c tests/unit/xmpp/probe.c tests/unit/xmpp/probe.h
tests_unit_xmpp_test_order_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_xmpp_test_order_LDADD = $(STAGE_LIBS)
