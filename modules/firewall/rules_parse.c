/* SPDX-License-Identifier: MIT */
/* Text to rules. A line is a rule: an action with what it needs, and conditions in any order. */
#include "modules/firewall/rates.h"
#include "modules/firewall/rules.h"

#include <stdio.h>

struct reader {
	struct rules *rules;
	struct cpl_arena *arena;
	unsigned line;
	struct cpl_str rest; /* of the line */
	bool failed;         /* this line has a fault */
	unsigned faults, redirects;
	void (*fault)(void *data, unsigned line, const char *text);
	void *data;
};

static __attribute__((format(printf, 2, 3))) bool wrong(struct reader *r, const char *format, ...)
{
	char text[512];
	va_list args;

	if (r->failed)
		return false;
	r->failed = true;
	if (r->faults++ >= RULES_FAULTS)
		return false;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	r->fault(r->data, r->line, text);
	return false;
}

/* ---- words ---- */

/* The next word, in quotes or not; CPL_NONE at the end of the line. A comment is the end. */
static struct cpl_str next(struct reader *r, bool *quoted)
{
	struct cpl_str rest = cpl_str_trim(r->rest), word;
	size_t len = 0;

	*quoted = rest.len && rest.ptr[0] == '"';
	if (!rest.len || rest.ptr[0] == '#') {
		r->rest = CPL_STR("");
		return CPL_NONE;
	}
	if (*quoted) {
		rest = (struct cpl_str){rest.ptr + 1, rest.len - 1};
		ptrdiff_t end = cpl_str_find(rest, '"');

		if (end < 0) {
			wrong(r, "the text in quotes has no end: put a \" behind it");
			r->rest = CPL_STR("");
			return CPL_NONE;
		}
		r->rest = (struct cpl_str){rest.ptr + end + 1, rest.len - (size_t)end - 1};
		return (struct cpl_str){rest.ptr, (size_t)end};
	}
	while (len < rest.len && rest.ptr[len] != ' ' && rest.ptr[len] != '\t')
		len++;
	word = (struct cpl_str){rest.ptr, len};
	r->rest = (struct cpl_str){rest.ptr + len, rest.len - len};
	return word;
}

/* The word behind `what`, which must be there; a fault says what it would be. */
static struct cpl_str argument(struct reader *r, const char *what, const char *wants)
{
	bool quoted;
	struct cpl_str word = next(r, &quoted);

	if (!word.ptr || !word.len)
		wrong(r, "%s wants %s", what, wants);
	return word.len ? word : CPL_NONE;
}

/* The same, with "not" before it. */
static struct cpl_str argument_not(struct reader *r, const char *what, const char *wants, bool *not)
{
	struct cpl_str word = argument(r, what, wants);

	*not = word.ptr && cpl_str_is(word, "not");
	return *not ? argument(r, what, wants) : word;
}

/* The number of a word in a list, or -1. */
static int index_of(struct cpl_str word, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (names[i][0] && cpl_str_is(word, names[i]))
			return i;
	return -1;
}

/* A comma-separated list of names as bits; 0: a fault. */
static uint32_t bits_of(struct reader *r, const char *what, const char *const *names, const char *wants)
{
	bool not;
	struct cpl_str list = argument_not(r, what, wants, &not), word;
	uint32_t bits = 0, all = 0;

	for (int i = 0; names[i]; i++)
		all |= 1u << i;
	while (list.ptr && cpl_str_split(&list, ',', &word)) {
		int index = index_of(word, names);

		if (index < 0) {
			wrong(r, "%s: \"%.*s\" is none of %s", what, CPL_ARG(word), wants);
			return 0;
		}
		bits |= 1u << index;
	}
	bits = not ? all & ~bits : bits;
	if (!bits)
		wrong(r, "%s: this fits nothing", what);
	return bits;
}

static size_t commas(struct cpl_str list)
{
	size_t count = 1;

	for (size_t i = 0; i < list.len; i++)
		count += list.ptr[i] == ',';
	return count;
}

/* ---- addresses ---- */

static bool address_of(struct reader *r, const char *what, struct cpl_str word, struct rule_address *a)
{
	bool domain = word.len && word.ptr[0] == '@', below = domain && word.len > 1 && word.ptr[1] == '.';
	struct cpl_str name = {word.ptr + domain + below, word.len - domain - below};
	struct cpl_jid jid;

	if (cpl_str_is(word, "local") || cpl_str_is(word, "remote")) {
		a->kind = cpl_str_is(word, "local") ? ADDRESS_LOCAL : ADDRESS_REMOTE;
		return true;
	}
	if (domain) {
		a->kind = below ? ADDRESS_BELOW : ADDRESS_DOMAIN;
		return (name.len && cpl_prepare_domain(&a->text, name, r->arena) == 0) || wrong(r, "%s: \"%.*s\" is not @ and a domain, such as @example.org or @.example.org", what, CPL_ARG(word));
	}
	if (!word.len || cpl_jid_parse(&jid, word, r->arena) < 0)
		return wrong(r, "%s: \"%.*s\" is not an address, a domain as @example.org, local or remote", what, CPL_ARG(word));
	a->kind = cpl_jid_is_full(jid) ? ADDRESS_FULL : jid.local_len ? ADDRESS_ACCOUNT : ADDRESS_HOST;
	a->text = cpl_arena_copy(r->arena, cpl_jid_str(jid));
	return true;
}

static bool read_addresses(struct reader *r, const char *what, struct rule_addresses *addresses)
{
	struct cpl_str list, word;

	if (addresses->count)
		return wrong(r, "%s is given twice: put all into one list, as in %s a@example.org,@example.net", what, what);
	list = argument_not(r, what, "addresses, such as romeo@example.org, @example.org, local or remote", &addresses->not);
	if (!list.ptr)
		return false;
	if (commas(list) > RULES_ITEMS)
		return wrong(r, "%s: more than %d addresses: write another rule", what, RULES_ITEMS);
	addresses->items = cpl_arena_alloc(r->arena, commas(list) * sizeof *addresses->items);
	while (cpl_str_split(&list, ',', &word))
		if (!address_of(r, what, word, &addresses->items[addresses->count++]))
			return false;
	return true;
}

/* ---- the other conditions ---- */

static const char *const kind_names[] = {"message", "presence", "iq", NULL};
_Static_assert(CPL_MESSAGE == 0 && CPL_PRESENCE == 1 && CPL_IQ == 2, "kinds");
static const char *const type_names[] = {"available", "error", "chat", "groupchat", "headline", "normal", "get", "set", "result", "unavailable", "subscribe",
					 "subscribed", "unsubscribe", "unsubscribed", "probe", NULL};
_Static_assert(CPL_TYPE_NONE == 0 && CPL_TYPE_ERROR == 1 && CPL_TYPE_NORMAL == 5 && CPL_TYPE_RESULT == 8 && CPL_TYPE_PROBE == 14, "types");
static const char *const role_names[] = {"guest", "registered", "member", "admin", "operator", NULL};
_Static_assert(CPL_ROLE_GUEST == 0 && CPL_ROLE_OPERATOR == 4, "roles");
static const char *const roster_names[] = {"none", "to", "from", "both", NULL};
static const char *const per_names[] = {"sender", "domain", "target", "all", NULL};

/* Which types each kind may have (RFC 6121 4.7.1, 5.2.2; RFC 6120 8.2.3). */
static const uint32_t types_of[] = {
	[CPL_MESSAGE] = 0x3e,
	[CPL_PRESENCE] = 0x7e03,
	[CPL_IQ] = 0x1c2,
};

static bool read_payload(struct reader *r, struct rule *rule)
{
	struct cpl_str list, word;

	if (rule->payload_count)
		return wrong(r, "payload is given twice: put all into one list");
	list = argument_not(r, "payload", "NAME, NAME@NAMESPACE or @NAMESPACE", &rule->payload_not);
	if (!list.ptr)
		return false;
	if (commas(list) > RULES_ITEMS)
		return wrong(r, "payload: more than %d names: write another rule", RULES_ITEMS);
	rule->payloads = cpl_arena_alloc(r->arena, commas(list) * sizeof *rule->payloads);
	while (cpl_str_split(&list, ',', &word)) {
		struct cpl_name *name = &rule->payloads[rule->payload_count].name;
		ptrdiff_t at = cpl_str_find(word, '@');
		struct cpl_str local = {word.ptr, at < 0 ? word.len : (size_t)at};

		if (!word.len || (at == 0 && word.len == 1) || !cpl_str_is_utf8(word))
			return wrong(r, "payload: \"%.*s\" is not NAME, NAME@NAMESPACE or @NAMESPACE, such as body or query@jabber:iq:register", CPL_ARG(word));
		if (at != 0)
			name->local = cpl_arena_copy(r->arena, local).ptr;
		if (at >= 0)
			name->ns = cpl_arena_copy(r->arena, (struct cpl_str){word.ptr + at + 1, word.len - (size_t)at - 1}).ptr;
		rule->payload_count++;
	}
	return true;
}

/* "60s", "5m", "1h", "1d", or seconds. */
static bool time_of(struct cpl_str text, int64_t *ms)
{
	static const char units[] = "smhd";
	static const int64_t factors[] = {1000, 60000, 3600000, 86400000};
	const char *unit = text.len ? memchr(units, text.ptr[text.len - 1], sizeof(units) - 1) : NULL;
	int64_t number;

	if (unit)
		text.len--;
	if (!cpl_str_to_int(text, 1, 1000000, &number))
		return false;
	*ms = number * (unit ? factors[unit - units] : 1000);
	return *ms <= 30 * factors[3];
}

static bool read_rate(struct reader *r, struct rule *rule)
{
	struct cpl_str word = argument(r, "rate", "NUMBER/TIME, such as 10/60s"), rest = word, number, before, per;
	bool quoted;

	if (!word.ptr)
		return false;
	if (rule->rate)
		return wrong(r, "rate is given twice: write two rules");
	if (!cpl_str_split(&rest, '/', &number) || !rest.ptr || !cpl_str_to_int(number, 1, 1000000, &rule->rate) || !time_of(rest, &rule->rate_ms))
		return wrong(r, "rate: \"%.*s\" is not NUMBER/TIME, such as 10/60s: more than 10 in 60 seconds (s, m, h, d; up to 1000000 and 30d)", CPL_ARG(word));
	before = r->rest;
	word = next(r, &quoted);
	if (!word.ptr || !cpl_str_is(word, "per")) {
		r->rest = before;
		return true;
	}
	per = argument(r, "per", "sender, domain, target or all");
	if (!per.ptr)
		return false;
	if (index_of(per, per_names) < 0)
		return wrong(r, "per: \"%.*s\" is none of sender, domain, target, all", CPL_ARG(per));
	rule->per = (enum rate_per)index_of(per, per_names);
	return true;
}

static bool is_mark(struct cpl_str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || (name.ptr[i] >= '0' && name.ptr[i] <= '9') || name.ptr[i] == '_' || name.ptr[i] == '-'))
			return false;
	return name.len > 0 && name.len <= 64;
}

/* The number of a mark's name; -1 after a fault. `make`: it may be new. */
static int mark_of(struct reader *r, struct cpl_str name, bool make)
{
	struct rules *rules = r->rules;

	for (size_t i = 0; i < rules->mark_count; i++)
		if (cpl_str_equal(rules->marks[i], name))
			return (int)i;
	if (!is_mark(name))
		wrong(r, "mark: \"%.*s\" is not a name of small letters, digits, - and _", CPL_ARG(name));
	else if (!make)
		wrong(r, "marked: no rule before this one marks as \"%.*s\"", CPL_ARG(name));
	else if (rules->mark_count == RULES_MARKS)
		wrong(r, "mark: more than %d different marks", RULES_MARKS);
	else
		rules->marks[rules->mark_count++] = cpl_arena_copy(r->arena, name);
	return r->failed ? -1 : (int)rules->mark_count - 1;
}

static bool read_marked(struct reader *r, struct rule *rule)
{
	struct cpl_str list = argument_not(r, "marked", "the name of a mark", &rule->marked_not), word;

	while (list.ptr && cpl_str_split(&list, ',', &word)) {
		int mark = mark_of(r, word, false);

		if (mark < 0)
			return false;
		rule->marked |= 1u << mark;
	}
	return !r->failed;
}

static bool read_kinds(struct reader *r, struct rule *rule, struct cpl_str list)
{
	struct cpl_str word;

	if (rule->kinds)
		return wrong(r, "the kind is given twice: write message,presence for both");
	while (cpl_str_split(&list, ',', &word)) {
		int kind = index_of(word, kind_names);

		if (kind < 0)
			return wrong(r, "\"%.*s\" is none of message, presence, iq", CPL_ARG(word));
		rule->kinds |= (uint8_t)(1u << kind);
	}
	return true;
}

static bool read_condition(struct reader *r, struct rule *rule, struct cpl_str word)
{
	struct cpl_str rest = word, first;

	cpl_str_split(&rest, ',', &first);
	if (index_of(first, kind_names) >= 0)
		return read_kinds(r, rule, word);
	if (cpl_str_is(word, "from"))
		return read_addresses(r, "from", &rule->from);
	if (cpl_str_is(word, "to"))
		return read_addresses(r, "to", &rule->to);
	if (cpl_str_is(word, "type")) {
		rule->types &= bits_of(r, "type", type_names, "available, unavailable, subscribe, subscribed, unsubscribe, unsubscribed, probe, chat, groupchat, headline, "
							    "normal, get, set, result, error");
		return !r->failed;
	}
	if (cpl_str_is(word, "roster")) {
		rule->roster &= (uint8_t)bits_of(r, "roster", roster_names, "none, to, from, both");
		return !r->failed;
	}
	if (cpl_str_is(word, "role")) {
		rule->roles &= (uint8_t)bits_of(r, "role", role_names, "guest, registered, member, admin, operator");
		return !r->failed;
	}
	if (cpl_str_is(word, "payload"))
		return read_payload(r, rule);
	if (cpl_str_is(word, "rate"))
		return read_rate(r, rule);
	if (cpl_str_is(word, "marked"))
		return read_marked(r, rule);
	return wrong(r, "\"%.*s\" is no condition: message, presence, iq, from, to, type, payload, roster, role, rate, marked", CPL_ARG(word));
}

/* ---- actions ---- */

static const char *const action_names[] = {"pass", "drop", "bounce", "redirect", "log", "mark", NULL};

const char *rule_action_name(enum rule_action action)
{
	return action_names[action];
}

static bool read_bounce(struct reader *r, struct rule *rule)
{
	struct cpl_str word = argument(r, "bounce", "the condition of the error, such as forbidden or policy-violation"), before;
	bool quoted;

	if (!word.ptr)
		return false;
	for (int c = 0; c <= CPL_UNEXPECTED_REQUEST; c++) {
		if (!cpl_str_is(word, cpl_condition_name((enum cpl_condition)c)))
			continue;
		rule->condition = (enum cpl_condition)c;
		before = r->rest;
		word = next(r, &quoted);
		if (quoted && word.ptr && cpl_str_is_utf8(word))
			rule->answer = cpl_arena_copy(r->arena, word).ptr;
		else
			r->rest = before;
		return !r->failed;
	}
	return wrong(r, "bounce: \"%.*s\" is no condition of RFC 6120, 8.3.3, such as forbidden, not-acceptable, policy-violation, service-unavailable", CPL_ARG(word));
}

static bool read_action(struct reader *r, struct rule *rule)
{
	bool quoted;
	struct cpl_str word = next(r, &quoted);
	int action = word.ptr ? index_of(word, action_names) : -1, mark;

	if (action < 0)
		return wrong(r, "\"%.*s\" is no action: pass, drop, bounce, redirect, log, mark", CPL_ARG(word));
	rule->action = (enum rule_action)action;
	switch (rule->action) {
	case RULE_BOUNCE:
		return read_bounce(r, rule);
	case RULE_REDIRECT:
		word = argument(r, "redirect", "the address to send to");
		if (word.ptr && (cpl_jid_parse(&rule->redirect, word, r->arena) < 0 || !rule->redirect.local_len))
			wrong(r, "redirect: \"%.*s\" is not an account's address, such as abuse@example.org", CPL_ARG(word));
		else if (word.ptr)
			rule->redirect.text = cpl_arena_copy(r->arena, cpl_jid_str(rule->redirect)).ptr;
		return !r->failed;
	case RULE_MARK:
		word = argument(r, "mark", "a name");
		mark = word.ptr ? mark_of(r, word, true) : -1;
		rule->mark = (uint8_t)(mark < 0 ? 0 : mark);
		return mark >= 0;
	default:
		return true;
	}
}

/* ---- lines ---- */

/* A rule that can never fit is a mistake. */
static bool check(struct reader *r, struct rule *rule)
{
	uint32_t possible = 0;

	if (!rule->kinds)
		rule->kinds = rule->action == RULE_REDIRECT ? 1u << CPL_MESSAGE : 7;
	for (int kind = CPL_MESSAGE; kind <= CPL_IQ; kind++)
		if (rule->kinds & 1u << kind)
			possible |= types_of[kind];
	if (rule->action == RULE_REDIRECT && rule->kinds != 1u << CPL_MESSAGE)
		return wrong(r, "redirect is for messages: presence and iq belong to their address");
	if (rule->action == RULE_REDIRECT && ++r->redirects > RULES_ITEMS)
		return wrong(r, "more than %d rules that redirect", RULES_ITEMS);
	if (!(rule->types & possible))
		return wrong(r, "what this kind is, never has such a type, so the rule would fit nothing");
	return true;
}

static void read_line(struct reader *r, struct cpl_str line)
{
	struct rule *rule = &r->rules->items[r->rules->count];
	struct cpl_str word;
	bool quoted;

	*rule = (struct rule){.line = r->line, .types = UINT32_MAX, .roster = ROSTER_ALL, .roles = UINT8_MAX};
	r->rest = line;
	r->failed = false;
	if (!cpl_str_is_utf8(line))
		wrong(r, "this is not UTF-8");
	if (r->failed || !read_action(r, rule))
		return;
	while ((word = next(r, &quoted)).ptr)
		if (quoted ? !wrong(r, "\"%.*s\" in quotes is no condition", CPL_ARG(word)) : !read_condition(r, rule, word))
			return;
	if (r->failed || !check(r, rule))
		return;
	rule->text = cpl_arena_copy(r->arena, line);
	r->rules->count++;
}

/* What one rule redirects may not come to another that would redirect it again. */
static void check_redirects(struct reader *r)
{
	for (size_t i = 0; i < r->rules->count; i++) {
		const struct rule *first = &r->rules->items[i];

		for (size_t j = 0; first->action == RULE_REDIRECT && j < r->rules->count; j++) {
			const struct rule *second = &r->rules->items[j];
			struct address_facts none = {.known = true, .local = true};
			bool open = second->action == RULE_REDIRECT && !cpl_jid_equal_bare(first->redirect, second->redirect) &&
				    (!second->to.count || rule_address_fits(&second->to, first->redirect, &none));

			if (!open)
				continue;
			r->line = second->line;
			r->failed = false;
			wrong(r, "this would redirect again what line %u redirects: add to not %.*s, or put both into one rule", first->line, CPL_ARG(cpl_jid_str(first->redirect)));
		}
	}
}

struct rules *rules_parse(struct cpl_str text, void (*fault)(void *data, unsigned line, const char *text), void *data)
{
	struct rules *rules = CPL_NEW(struct rules);
	struct reader r = {.rules = rules, .arena = cpl_arena_create(), .fault = fault, .data = data};
	/* What is kept of addresses and names are views of the text. */
	struct cpl_str line, rest = text.len <= RULES_BYTES ? cpl_arena_copy(r.arena, text) : CPL_NONE;
	size_t lines = 1;

	rules->arena = r.arena;
	for (size_t i = 0; i < text.len; i++)
		lines += text.ptr[i] == '\n';
	rules->items = cpl_arena_alloc(r.arena, (lines < RULES_MAX ? lines : RULES_MAX) * sizeof *rules->items);
	if (text.len > RULES_BYTES)
		wrong(&r, "the file is larger than %d bytes", RULES_BYTES);
	while (cpl_str_split(&rest, '\n', &line)) {
		r.line++;
		line = cpl_str_trim(line);
		r.failed = false;
		if (!line.len || line.ptr[0] == '#')
			continue;
		if (rules->count == RULES_MAX) {
			wrong(&r, "more than %d rules", RULES_MAX);
			break;
		}
		read_line(&r, line);
	}
	if (!r.faults)
		check_redirects(&r);
	if (r.faults)
		rules_destroy(&rules);
	return rules;
}

static void hash_addresses(struct rule_addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		addresses->items[i].hash = cpl_hash(addresses->items[i].text);
}

int rules_ready(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->items[i];

		hash_addresses(&rule->from);
		hash_addresses(&rule->to);
		for (size_t j = 0; j < rule->payload_count; j++)
			if (cpl_name_add(&rule->payloads[j].name) < 0)
				return CPL_E_FULL;
	}
	return 0;
}

void rules_destroy(struct rules **rules)
{
	if (!*rules)
		return;
	for (size_t i = 0; i < (*rules)->count; i++)
		rates_destroy(&(*rules)->items[i].rates);
	cpl_arena_destroy(&(*rules)->arena);
	CPL_FREE(*rules);
}
