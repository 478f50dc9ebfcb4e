# plugins-api: the headers, what pkg-config says of them, and the template of a module.
coupletincludedir = $(includedir)/couplet
coupletinclude_HEADERS = plugins-api/couplet/account.h plugins-api/couplet/adhoc.h plugins-api/couplet/blocklist.h plugins-api/couplet/call.h plugins-api/couplet/command-run.h plugins-api/couplet/command.h plugins-api/couplet/conn.h plugins-api/couplet/error.h \
	plugins-api/couplet/event.h plugins-api/couplet/events.def plugins-api/couplet/form.h plugins-api/couplet/frozen.h plugins-api/couplet/http.h plugins-api/couplet/jid.h plugins-api/couplet/list.h \
	plugins-api/couplet/log.h plugins-api/couplet/map.h plugins-api/couplet/memory.h plugins-api/couplet/metric.h plugins-api/couplet/module.h \
	plugins-api/couplet/option.h plugins-api/couplet/permission.h plugins-api/couplet/publish.h \
	plugins-api/couplet/schedule.h plugins-api/couplet/service.h plugins-api/couplet/service-archive.h plugins-api/couplet/service-invites.h plugins-api/couplet/service-roster.h \
	plugins-api/couplet/service-tls.h plugins-api/couplet/session.h plugins-api/couplet/stanza.h plugins-api/couplet/store.h \
	plugins-api/couplet/str.h plugins-api/couplet/test.h plugins-api/couplet/time.h plugins-api/couplet/transfer.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = plugins-api/couplet.pc
templatedir = $(datadir)/couplet/template
dist_template_DATA = plugins-api/README.md plugins-api/template/Makefile plugins-api/template/mod_template.c \
	plugins-api/template/test_template.c
# The examples, to be built out of the tree.
examplesdir = $(datadir)/couplet/examples
dist_examples_DATA = plugins-api/examples/Makefile plugins-api/examples/archive_memory.c plugins-api/examples/auth_file.c plugins-api/examples/auth_http.c \
	plugins-api/examples/bot.c plugins-api/examples/echo_component.c plugins-api/examples/filter.c plugins-api/examples/filter.h plugins-api/examples/mute.c \
	plugins-api/examples/notes.c plugins-api/examples/plain.h plugins-api/examples/roster_group.c plugins-api/examples/strikes.c plugins-api/examples/visits.c
