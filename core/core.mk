# core: one convenience library, of which the two programs are made.
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES =
libcore_la_LIBADD = $(EXPAT_LIBS) $(OPENSSL_LIBS) $(YAML_LIBS) $(IDN_LIBS) $(CURL_LIBS) $(EV_LIBS) $(LTDL_LIBS) $(THREAD_LIBS) -lresolv

# core/base
libcore_la_SOURCES += core/base/account.c core/base/account.h core/base/arena.c core/base/clock.h core/base/codec.c core/base/count.c core/base/count.h \
	core/base/error.c core/base/ledger.c core/base/ledger.h core/base/logger.c core/base/logger.h core/base/logger_journal.c core/base/logger_journal.h core/base/logger_levels.c core/base/logger_levels.h core/base/logger_line.c core/base/logger_line.h core/base/map.c \
	core/base/map.h core/base/memory.c core/base/memory.h core/base/metric.c core/base/metric.h core/base/poison.h \
	core/base/random.c core/base/reach.c core/base/reach.h core/base/str.c core/base/time.c core/base/timing.c core/base/timing.h core/base/trim.c core/base/trim.h core/base/watchdog.c core/base/watchdog.h

# core/loop
libcore_la_SOURCES += core/loop/call.c core/loop/call.h core/loop/loop.c core/loop/loop.h core/loop/timer.c core/loop/turn.h \
	core/loop/worker.c core/loop/worker.h

# core/net
libcore_la_SOURCES += core/net/http.c core/net/http.h
libcore_la_SOURCES += core/net/address.c core/net/address.h core/net/conn_input.c core/net/conn_input.h core/net/conn_limits.c core/net/conn_limits.h core/net/conn_script.c \
	core/net/conn_script.h core/net/conn_socket.c core/net/conn_socket.h core/net/conn_socket_impl.h core/net/conn_socket_io.c \
	core/net/later.c core/net/later.h core/net/line.c core/net/line.h core/net/listener.c core/net/listener.h core/net/output.c core/net/output.h \
	core/net/stream_text.c core/net/stream_text.h core/net/tls.c core/net/tls.h core/net/tls_binding.c core/net/tls_binding.h \
	core/net/tls_bio.c core/net/tls_bio.h core/net/tls_kdf.c core/net/tls_kdf.h core/net/tls_memory.c core/net/tls_memory.h core/net/tls_context.c core/net/tls_context.h core/net/tls_names.c \
	core/net/tls_names.h core/net/tls_tickets.c core/net/tls_tickets.h core/net/wheel.c core/net/wheel.h

# core/xml
libcore_la_SOURCES += core/xml/data_form.c core/xml/data_form.h
libcore_la_SOURCES += core/xml/alike.c core/xml/alike.h core/xml/compact.c core/xml/compact.h core/xml/element.c core/xml/element.h core/xml/framer.c core/xml/framer.h core/xml/header.c \
	core/xml/lease.c core/xml/lease.h core/xml/names.c core/xml/names.h core/xml/parser.c core/xml/parser.h core/xml/reply.c \
	core/xml/scope.c core/xml/scope.h core/xml/stanza.c core/xml/stanza_done.h core/xml/stream_error.c core/xml/strict.c core/xml/strict.h core/xml/strict_header.c core/xml/writer.c

# core/config
libcore_la_SOURCES += core/config/config.c core/config/config.h core/config/show.c core/config/judge.c core/config/options.c core/config/render.c \
	core/config/report.c core/config/schema.c core/config/schema.h core/config/sections.h core/config/tree.c core/config/tree.h \
	core/config/value.c core/config/value.h

# core/hook
libcore_la_SOURCES += core/hook/claim.c core/hook/dispatch.c core/hook/dispatch.h core/hook/event.c core/hook/service.c \
	core/hook/own.c core/hook/slot.c core/hook/slot.h core/hook/suspend.c core/hook/table.h

# core/xmpp
libcore_la_SOURCES += core/xmpp/online.c
libcore_la_SOURCES += core/xmpp/host.c core/xmpp/host.h core/xmpp/user.c core/xmpp/user_remove.c core/xmpp/user.h \
	core/xmpp/session.c core/xmpp/session.h core/xmpp/session_parts.c core/xmpp/stream.c core/xmpp/input.c core/xmpp/negotiate.c \
	core/xmpp/admission.c core/xmpp/admission.h core/xmpp/claims.c core/xmpp/claims.h core/xmpp/router.c core/xmpp/router.h core/xmpp/iq.c core/xmpp/iq_store.c
libcore_la_SOURCES += core/xmpp/account_state.c core/xmpp/account_state.h
libcore_la_SOURCES += core/xmpp/trace.c core/xmpp/trace.h
libcore_la_SOURCES += core/xmpp/kind.c core/xmpp/kind.h core/xmpp/order.c core/xmpp/order.h
libcore_la_SOURCES += core/xmpp/permission.c core/xmpp/permission.h core/xmpp/role.c core/xmpp/account_change.c core/xmpp/account_change.h
libcore_la_SOURCES += core/xmpp/jid.c core/xmpp/prep.c core/xmpp/prep.h core/xmpp/stanza_read.c
libcore_la_SOURCES += core/xmpp/store.c core/xmpp/store.h core/xmpp/store_calls.c core/xmpp/store_check.c core/xmpp/store_opening.c core/xmpp/store_id.c

# core/module
libcore_la_SOURCES += core/module/apply.c core/module/bag.c core/module/descriptor.c core/module/drain.c core/module/features.c \
	core/module/loader.c core/module/loader.h core/module/manager.c core/module/manager.h core/module/metrics.c core/module/module.c core/module/module.h \
	core/module/options.c core/module/plan.c core/module/change.c core/module/change.h core/module/load.c core/module/reload.c core/module/resources.c core/module/schedule.c core/module/schedule.h \
	core/module/schedule_file.c core/module/tables.c

# core/admin
libcore_la_SOURCES += core/admin/builtin.h core/admin/builtin_access.c core/admin/command_run.c core/admin/builtin_figures.c core/admin/builtin_modules.c core/admin/builtin_server.c core/admin/builtin_sessions.c core/admin/builtin_users.c \
	core/admin/certificate.c core/admin/certificate.h core/admin/command.c core/admin/command.h core/admin/control.c \
	core/admin/control.h core/admin/form.c core/admin/form.h core/admin/frame.c core/admin/frame.h core/admin/invocation.c \
	core/admin/invocation.h core/admin/local.c core/admin/local.h core/admin/metrics.c core/admin/metrics.h core/admin/peer.c \
	core/admin/peer.h
libcore_la_SOURCES += core/admin/export.c core/admin/import.c core/admin/import_account.c core/admin/import_rows.c core/admin/transfer.c core/admin/transfer.h
libcore_la_SOURCES += core/admin/watch.c core/admin/watch.h core/admin/builtin_log.c
# The client takes from the library only what it calls, and links no more: a call shall take a few milliseconds.
bin_PROGRAMS += coupletctl
coupletctl_SOURCES = core/admin/ctl.c core/admin/ctl.h core/admin/ctl_input.c core/admin/ctl_link.c core/admin/ctl_process.c core/admin/ctl_run.c core/admin/ctl_shell.c \
	core/admin/ctl_stream.c \
	core/admin/ctl_table.c core/admin/ctl_top.c
coupletctl_LDADD = libcore.la $(EDIT_LIBS)
coupletctl_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -Wl,--as-needed

# What reads the data of other servers for coupletctl, with the rights of whoever runs it.
migratedir = $(libexecdir)/couplet
migrate_PROGRAMS = couplet-migrate
couplet_migrate_SOURCES = core/migrate/main.c core/migrate/record.c core/migrate/record.h core/migrate/pie.c core/migrate/pie.h \
	core/migrate/scram.c core/migrate/scram.h core/migrate/lua.c core/migrate/lua.h core/migrate/prosody.c core/migrate/prosody.h \
	core/migrate/prosody_directory.c core/migrate/prosody_sqlite.c core/migrate/prosody_stanza.c core/migrate/prosody_pep.c
couplet_migrate_LDADD = libcore.la $(SQLITE_LIBS)
couplet_migrate_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -Wl,--as-needed

# The server itself.
COUPLET_CPPFLAGS = $(AM_CPPFLAGS) -DCOUPLET_CONFIG='"$(sysconfdir)/couplet/couplet.yml"'
libcore_la_SOURCES += core/process.c core/process.h core/server.c core/server.h core/server_state.h core/server_listen.c core/server_read.c \
	core/server_reload.c core/server_trim.c core/server_api.c core/server_offline.c core/server_offline.h core/server_commands.c core/server_diff.c
libcore_la_SOURCES += core/cert_import.c core/check.c core/check.h core/check_certificate.c core/check_dns.c core/check_ports.c core/check_system.c
sbin_PROGRAMS += couplet
couplet_SOURCES = core/main.c
couplet_CPPFLAGS = $(COUPLET_CPPFLAGS)
# All objects, not those of the archive that happen to be called: modules use what they like of the public functions.
couplet_LDADD = $(libcore_la_OBJECTS) $(libcore_la_LIBADD)
couplet_DEPENDENCIES = $(libcore_la_OBJECTS)
couplet_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -export-dynamic

# core/test: the test core, and the program that tests modules with it
noinst_LTLIBRARIES += libtestcore.la
libtestcore_la_SOURCES = core/test/testcore.c core/test/testcore.h core/test/testlog.c core/test/fault.c core/test/match.c core/test/peer.c \
	core/test/syscall.c core/test/verbs.c
bin_PROGRAMS += couplet-module-test
couplet_module_test_SOURCES = core/test/run.c core/test/run.h core/test/adversity.c core/test/options.c core/test/main.c
couplet_module_test_LDADD = $(libtestcore_la_OBJECTS) $(libcore_la_OBJECTS) $(libcore_la_LIBADD)
couplet_module_test_DEPENDENCIES = $(libtestcore_la_OBJECTS) $(libcore_la_OBJECTS)
couplet_module_test_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -export-dynamic
