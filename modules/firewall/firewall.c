/* SPDX-License-Identifier: MIT */
/*
 * A firewall: rules from a file say what becomes of the stanzas of a host's own clients, and of those that come to it from elsewhere. Hooks pre_message, pre_presence, pre_iq,
 * message, presence, iq and iq_request at stage POLICY.
 */
#include "modules/firewall/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct cpl_option firewall_options[] = {
	CPL_OPT_STRING(struct firewall_config, file, NULL, CPL_RELOADABLE | CPL_PATH, "The file with the rules. Default: no rules."),
	CPL_OPT_TIME(struct firewall_config, check, "2s", "100ms", "1h", CPL_RELOADABLE | CPL_GLOBAL_ONLY, "How often files are looked at for changes."),
	CPL_OPT_END,
};

static void guard_release(void *data)
{
	struct guard *guard = data;

	rules_destroy(&guard->rules);
	cpl_free(guard);
}
CPL_SLOT_DEFINE(guard_slot, 1, guard_release, NULL);

/* ---- files ---- */

char *rules_file_read(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), reason;
	char *text;
	ssize_t got = 1;

	if (fd < 0)
		return NULL;
	text = cpl_alloc(RULES_BYTES + 2);
	for (*len = 0; got > 0 && *len <= RULES_BYTES; *len += got > 0 ? (size_t)got : 0)
		got = read(fd, text + *len, RULES_BYTES + 1 - *len);
	reason = errno;
	close(fd);
	if (got < 0) {
		CPL_FREE(text);
		errno = reason;
	}
	return text;
}

/* Puts rules in force, and takes them; NULL: there are none, as what was read has faults. */
static bool guard_take(struct guard *guard, struct rules *rules, void (*fault)(void *data, unsigned line, const char *text), void *data)
{
	if (rules && rules_ready(rules) < 0) {
		fault(data, 0, "the server knows too many names already: restart it");
		rules_destroy(&rules);
	}
	if (!rules)
		return false;
	rules_destroy(&guard->rules);
	guard->rules = rules;
	return true;
}

static void guard_remember(struct guard *guard, const struct stat *st)
{
	guard->changed_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	guard->size = st->st_size;
	guard->inode = (int64_t)st->st_ino;
}

/* At the start and at a reload of the configuration, where files are read; else by guard_look(). False: each fault has been told, nothing has changed. */
static bool guard_load(struct cpl_host *host, struct cpl_str path, void (*fault)(void *data, unsigned line, const char *text), void *data)
{
	struct guard *guard = CPL_SLOT_MAKE(host, guard_slot);
	struct stat st = {0};
	bool good = false;
	char *text;
	size_t len;

	if (!path.len) {
		rules_destroy(&guard->rules);
		return true;
	}
	if (stat(path.ptr, &st) == 0)
		guard_remember(guard, &st);
	text = rules_file_read(path.ptr, &len);
	if (text)
		good = guard_take(guard, rules_parse((struct cpl_str){text, len}, fault, data), fault, data);
	else
		fault(data, 0, strerror(errno));
	cpl_free(text);
	return good;
}

/* ---- looking whether a file has changed, and reading it: on a worker ---- */

struct look {
	char path[4096], host[1024];
	int64_t changed_ns, size, inode;
	bool always, changed;
	int error;
	struct rules *rules; /* NULL: there are faults */
	struct cpl_buf faults; /* a line each: number, blank, text */
};

static void look_fault(void *data, unsigned line, const char *text)
{
	cpl_buf_addf(&((struct look *)data)->faults, "%u %s\n", line, text);
}

static void look(void *block)
{
	struct look *l = block;
	struct stat st = {0};
	char *text;
	size_t len;

	if (stat(l->path, &st) != 0)
		l->error = errno;
	int64_t changed_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;

	l->changed = l->always || changed_ns != l->changed_ns || st.st_size != l->size || (int64_t)st.st_ino != l->inode;
	l->changed_ns = changed_ns;
	l->size = st.st_size;
	l->inode = (int64_t)st.st_ino;
	if (!l->changed || l->error)
		return;
	text = rules_file_read(l->path, &len);
	if (text)
		l->rules = rules_parse((struct cpl_str){text, len}, look_fault, l);
	else
		l->error = errno;
	cpl_free(text);
}

static void look_drop(void *block)
{
	struct look *l = block;

	rules_destroy(&l->rules);
	cpl_buf_finish(&l->faults);
}

int guard_look(struct cpl_call *call, struct cpl_scope *scope, struct cpl_module *self, struct cpl_host *host, bool always, void (*done)(struct cpl_call *call))
{
	const struct firewall_config *config = CPL_CONFIG(self, host, struct firewall_config);
	const struct guard *guard = CPL_SLOT_GET(host, guard_slot);
	struct look l = {.always = always};

	if (!config || !guard || !config->file.len || config->file.len >= sizeof l.path || host->name.len >= sizeof l.host)
		return CPL_E_NOT_FOUND;
	memcpy(l.path, config->file.ptr, config->file.len);
	memcpy(l.host, host->name.ptr, host->name.len);
	l.changed_ns = guard->changed_ns;
	l.size = guard->size;
	l.inode = guard->inode;
	return cpl_job_start(call, scope, look, &l, sizeof l, look_drop, done);
}

enum guard_news guard_looked(struct cpl_call *call, void (*fault)(void *data, unsigned line, const char *text), struct guard_told *told)
{
	struct look *l = cpl_job_block(call);
	struct cpl_host *host = l ? cpl_host_find(cpl_str_of(l->host)) : NULL;
	struct guard *guard = host ? CPL_SLOT_GET(host, guard_slot) : NULL;
	struct cpl_str rest = l ? cpl_buf_str(&l->faults) : CPL_NONE, line;
	struct rules *rules;

	if (!guard || !l->changed)
		return GUARD_SAME;
	told->path = l->path;
	told->host = host->name;
	guard->changed_ns = l->changed_ns;
	guard->size = l->size;
	guard->inode = l->inode;
	if (l->error)
		fault(told, 0, strerror(l->error));
	while (rest.len && cpl_str_split(&rest, '\n', &line)) {
		char *text = cpl_strdup(line), *blank = strchr(text, ' ');

		if (blank)
			fault(told, (unsigned)strtoul(text, NULL, 10), blank + 1);
		cpl_free(text);
	}
	rules = l->rules;
	l->rules = NULL;
	if (!guard_take(guard, rules, fault, told))
		return GUARD_FAULTY;
	told->rules = guard->rules->count;
	return GUARD_NEW;
}

static void log_fault(void *data, unsigned line, const char *text)
{
	const struct guard_told *told = data;

	cpl_log_error("firewall rules not taken, the former ones stay host=%.*s place=%s:%u error=\"%s\"", CPL_ARG(told->host), told->path, line, text);
}

/* One host after another. */
struct round {
	struct cpl_call timer, job;
	size_t at; /* of the hosts */
};
/* The module's data. A round that is under way when the module is replaced goes on in the old code, and may touch only what is its own. */
struct firewall {
	struct round *round;
};

static void look_next(struct cpl_module *self, struct round *round);

static void looked(struct cpl_call *call)
{
	struct guard_told told = {.path = NULL};

	if (call->status < 0)
		return;
	if (guard_looked(call, log_fault, &told) == GUARD_NEW)
		cpl_log_info("firewall rules loaded host=%.*s file=%s rules=%zu", CPL_ARG(told.host), told.path, told.rules);
	look_next(call->owner, CPL_CONTAINER(call, struct round, job));
}

static void timer_start(struct cpl_module *self, struct round *round);

static void look_next(struct cpl_module *self, struct round *round)
{
	struct cpl_host *host;
	bool any = false;

	while ((host = cpl_host_next(&round->at)))
		if (guard_look(&round->job, cpl_module_scope(self), self, host, false, looked) == 0)
			return;
	/* Where no host has a file there is nothing to look at, until a file is configured. */
	for (size_t at = 0; (host = cpl_host_next(&at));) {
		const struct firewall_config *config = CPL_CONFIG(self, host, struct firewall_config);

		any = any || (config && config->file.len);
	}
	if (any)
		timer_start(self, round);
}

static void on_time(struct cpl_call *call)
{
	struct round *round = CPL_CONTAINER(call, struct round, timer);

	if (call->status < 0)
		return;
	round->at = 0;
	look_next(call->owner, round);
}

static void timer_start(struct cpl_module *self, struct round *round)
{
	/* A generation that has been replaced may start nothing more, and looks no more. */
	if (!cpl_call_pending(&round->timer) && !cpl_call_pending(&round->job))
		cpl_timer_start(&round->timer, cpl_module_scope(self), CPL_CONFIG(self, NULL, struct firewall_config)->check, on_time);
}

/* ---- stanzas ---- */

static void log_rule(const struct rule *rule, const struct rule_case *c)
{
	static const char *const kinds[] = {"message", "presence", "iq"};

	if (rule->action == RULE_LOG)
		cpl_log_info("firewall rule fits line=%u kind=%s from=%.*s to=%.*s session=%.*s", rule->line, kinds[c->stanza->kind], CPL_ARG(cpl_jid_str(c->from)),
			     CPL_ARG(cpl_jid_str(c->to)), CPL_ARG(c->stanza->session ? c->stanza->session->id : CPL_STR("-")));
}

static enum cpl_flow redirect(struct cpl_ev_stanza *ev, struct cpl_jid to, bool own)
{
	struct cpl_stanza *copy;

	if (own) {
		cpl_stanza_set_to(ev->stanza, to);
		ev->target = cpl_jid_is_full(to) ? CPL_TARGET_FULL : CPL_TARGET_BARE;
		return CPL_NEXT;
	}
	copy = cpl_stanza_copy(ev->stanza);
	cpl_stanza_set_to(copy, to);
	cpl_send(&copy);
	return CPL_HANDLED;
}

static enum cpl_flow judge(struct cpl_ev_stanza *ev, bool own)
{
	const struct guard *guard = CPL_SLOT_GET(ev->host, guard_slot);
	struct cpl_stanza *stanza = ev->stanza;
	struct rule_case c = {.stanza = stanza, .from = stanza->from, .to = stanza->to, .account = ev->user};
	struct rule *rule;

	if (!guard || !guard->rules || !guard->rules->count)
		return CPL_NEXT;
	if (!cpl_jid_is_set(c.to) && ev->user)
		c.to = ev->user->jid;
	c.contact = own ? c.to : c.from;
	c.role = ev->session && ev->session->type == CPL_SESSION_C2S ? cpl_role_of_session(ev->session) : cpl_role_of_jid(c.from);
	rule = rules_decide(guard->rules, &c, log_rule);
	if (!rule || rule->action == RULE_PASS)
		return CPL_NEXT;
	cpl_log_debug("firewall decides line=%u action=%s from=%.*s to=%.*s", rule->line, rule_action_name(rule->action), CPL_ARG(cpl_jid_str(c.from)),
		      CPL_ARG(cpl_jid_str(c.to)));
	if (rule->action == RULE_DROP)
		return CPL_DROP;
	if (rule->action == RULE_REDIRECT)
		return redirect(ev, rule->redirect, own);
	cpl_bounce(stanza, rule->condition, rule->answer);
	return CPL_HANDLED;
}

static enum cpl_flow on_own(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return judge(ev, true);
}

/* What our own clients send has been judged where it came in, and what the host itself says is not judged. */
static enum cpl_flow judge_foreign(struct cpl_ev_stanza *ev, bool request)
{
	const struct cpl_session *s = ev->session;

	if (s && s->type == CPL_SESSION_C2S && s->served == ev->host)
		return CPL_NEXT;
	/* A request is judged before whoever claims it; here it comes by again when nobody has. */
	if (ev->stanza->kind == CPL_IQ && (ev->stanza->type == CPL_TYPE_GET || ev->stanza->type == CPL_TYPE_SET) && !request)
		return CPL_NEXT;
	if (!s && (!cpl_jid_is_set(ev->stanza->from) || cpl_str_equal(cpl_jid_domain(ev->stanza->from), ev->host->name)))
		return CPL_NEXT;
	return judge(ev, false);
}

static enum cpl_flow on_foreign(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return judge_foreign(ev, false);
}

static enum cpl_flow on_foreign_request(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return judge_foreign(ev, true);
}

static const struct cpl_event_row firewall_events[] = {
	CPL_ON(pre_message, on_own, POLICY, -10),   CPL_ON(pre_presence, on_own, POLICY, -10), CPL_ON(pre_iq, on_own, POLICY, -10),
	CPL_ON(message, on_foreign, POLICY, -10),   CPL_ON(presence, on_foreign, POLICY, -10), CPL_ON(iq, on_foreign, POLICY, -10),
	CPL_ON(iq_request, on_foreign_request, POLICY, -10),
	CPL_ON_END,
};

/* ---- life ---- */

struct checking {
	const char *path;
	void (*fault)(void *data, const char *option, const char *text);
	void *data;
};

static void check_fault(void *data, unsigned line, const char *text)
{
	const struct checking *c = data;
	char *place = cpl_asprintf("%s:%u: %s", c->path, line, text);

	c->fault(c->data, "file", place);
	cpl_free(place);
}

static void check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct firewall_config *config = values;
	struct checking checking = {config->file.ptr, fault, data};
	struct rules *rules;
	size_t len = 0;
	char *text;

	if (!config->file.len)
		return;
	text = rules_file_read(config->file.ptr, &len);
	if (!text) {
		check_fault(&checking, 0, strerror(errno));
		return;
	}
	rules = rules_parse((struct cpl_str){text, len}, check_fault, &checking);
	rules_destroy(&rules);
	cpl_free(text);
}

static void load_host(struct cpl_module *self, struct cpl_host *host)
{
	const struct firewall_config *config = CPL_CONFIG(self, host, struct firewall_config);
	struct guard_told told = {.path = config->file.ptr, .host = host->name};

	guard_load(host, config->file, log_fault, &told);
	if (config->file.len)
		timer_start(self, ((struct firewall *)cpl_module_data(self))->round);
}

/* After a reload of the module the rules are there already, with their counts. */
static void firewall_start(struct cpl_module *self, struct cpl_host *host)
{
	const struct guard *guard = CPL_SLOT_GET(host, guard_slot);

	if (!guard || !guard->rules)
		load_host(self, host);
	else
		timer_start(self, ((struct firewall *)cpl_module_data(self))->round);
}

static void firewall_reconfigure(struct cpl_module *self, struct cpl_host *host, const void *before, const void *now)
{
	const struct firewall_config *old = before, *new = now;

	if (host && !cpl_str_equal(old->file, new->file))
		load_host(self, host);
}

static void firewall_stop(struct cpl_module *self, struct cpl_host *host)
{
	CPL_SLOT_CLEAR(host, guard_slot);
}

static int firewall_load(struct cpl_module *self, struct cpl_error *error)
{
	struct firewall *firewall = CPL_NEW(struct firewall);

	firewall->round = CPL_NEW(struct round);
	cpl_module_set_data(self, firewall);
	return 0;
}

static void firewall_unload(struct cpl_module *self)
{
	struct firewall *firewall = cpl_module_data(self);

	cpl_free(firewall->round);
	cpl_free(firewall);
}

static struct cpl_slot *const firewall_slots[] = {&guard_slot, NULL};

CPL_MODULE(firewall) = {
	CPL_MODULE_HEAD("firewall", "1.0", "Rules for stanzas, from a file"),
	.options = firewall_options,
	.config_size = sizeof(struct firewall_config),
	.check = check,
	.events = firewall_events,
	.slots = firewall_slots,
	.commands = firewall_commands,
	.load = firewall_load,
	.start = firewall_start,
	.reconfigure = firewall_reconfigure,
	.stop = firewall_stop,
	.unload = firewall_unload,
};
