/* SPDX-License-Identifier: MIT */
/* Rules asked about a stanza. */
#include "modules/firewall/rates.h"
#include "modules/firewall/rules.h"

/* ---- addresses ---- */

/* All hashes of an address, once for all rules. */
static void facts_make(struct address_facts *f, struct cpl_jid jid)
{
	struct cpl_str domain = cpl_jid_domain(jid), rest = domain, label;

	f->known = true;
	f->local = cpl_host_find(domain) != NULL;
	f->full = cpl_hash(cpl_jid_str(jid));
	f->bare = jid.local_len ? cpl_hash(cpl_jid_str(cpl_jid_bare(jid))) : 0;
	f->domain = cpl_hash(domain);
	while (f->below_count < sizeof f->below / sizeof *f->below && cpl_str_split(&rest, '.', &label) && rest.ptr)
		f->below[f->below_count++] = cpl_hash(rest);
}

static bool is_below(const struct rule_address *a, const struct address_facts *f, struct cpl_str domain)
{
	for (size_t i = 0; i < f->below_count; i++)
		if (f->below[i] == a->hash && domain.len > a->text.len &&
		    cpl_str_equal(a->text, (struct cpl_str){domain.ptr + domain.len - a->text.len, a->text.len}))
			return true;
	return false;
}

static bool fits_one(const struct rule_address *a, struct cpl_jid jid, const struct address_facts *f)
{
	switch (a->kind) {
	case ADDRESS_FULL:
		return a->hash == f->full && cpl_str_equal(a->text, cpl_jid_str(jid));
	case ADDRESS_ACCOUNT:
		return a->hash == f->bare && jid.local_len && cpl_str_equal(a->text, cpl_jid_str(cpl_jid_bare(jid)));
	case ADDRESS_HOST:
		return a->hash == f->domain && !jid.local_len && cpl_str_equal(a->text, cpl_jid_domain(jid));
	case ADDRESS_DOMAIN:
		return a->hash == f->domain && cpl_str_equal(a->text, cpl_jid_domain(jid));
	case ADDRESS_BELOW:
		return is_below(a, f, cpl_jid_domain(jid));
	case ADDRESS_LOCAL:
		return f->local;
	case ADDRESS_REMOTE:
		return !f->local;
	}
	return false;
}

bool rule_address_fits(const struct rule_addresses *addresses, struct cpl_jid jid, struct address_facts *facts)
{
	bool fits = false;

	if (!addresses->count)
		return true;
	if (!cpl_jid_is_set(jid))
		return addresses->not;
	if (!facts->known)
		facts_make(facts, jid);
	for (size_t i = 0; i < addresses->count && !fits; i++)
		fits = fits_one(&addresses->items[i], jid, facts);
	return fits != addresses->not;
}

/* ---- the other conditions ---- */

static bool payload_fits(const struct rule *r, const struct cpl_stanza *stanza)
{
	bool fits = false;

	CPL_CHILDREN(child, stanza->root)
		for (size_t i = 0; i < r->payload_count && !fits; i++) {
			const struct cpl_name *name = &r->payloads[i].name;

			fits = child->ns_id == name->ns_id && (!name->local || child->name_id == name->local_id);
		}
	return fits != r->payload_not;
}

static unsigned roster_bit(const struct rule_case *c)
{
	const struct cpl_roster_item *item = c->account && cpl_jid_is_set(c->contact) ? cpl_roster_find(c->account->roster, c->contact) : NULL;

	return item && item->listed ? 1u << item->subscription : ROSTER_NONE;
}

static uint64_t rate_key(const struct rule *r, const struct rule_case *c)
{
	struct cpl_jid jid = r->per == PER_TARGET ? c->to : c->from;

	if (r->per == PER_ALL || !cpl_jid_is_set(jid))
		return 1;
	return cpl_hash(r->per == PER_DOMAIN ? cpl_jid_domain(jid) : cpl_jid_str(cpl_jid_bare(jid)));
}

static bool rate_exceeded(struct rule *r, const struct rule_case *c)
{
	if (!r->rates)
		r->rates = rates_create();
	return rates_count(r->rates, rate_key(r, c), cpl_monotonic(), r->rate_ms, c->dry) > (uint64_t)r->rate;
}

/* A message without a type is a normal one (RFC 6121 5.2.2). */
static uint32_t type_bit(const struct cpl_stanza *stanza)
{
	if (stanza->kind == CPL_MESSAGE && (stanza->type == CPL_TYPE_NONE || stanza->type == CPL_TYPE_UNKNOWN))
		return 1u << CPL_TYPE_NORMAL;
	return 1u << stanza->type;
}

/* What costs least is asked first; the rate is asked last, as it counts what all the rest fits. */
static bool fits(struct rule *r, struct rule_case *c)
{
	if (!(r->kinds & 1u << c->stanza->kind) || !(r->types & type_bit(c->stanza)) || !(r->roles & 1u << c->role))
		return false;
	if (r->marked && ((r->marked & c->marks) != 0) == r->marked_not)
		return false;
	if (!rule_address_fits(&r->from, c->from, &c->from_facts) || !rule_address_fits(&r->to, c->to, &c->to_facts))
		return false;
	if (r->payload_count && !payload_fits(r, c->stanza))
		return false;
	if (r->roster != ROSTER_ALL && !(r->roster & roster_bit(c)))
		return false;
	return !r->rate || rate_exceeded(r, c);
}

/* What has been redirected to somebody is there: the rule has nothing more to do. */
static bool is_done(const struct rule *r, const struct rule_case *c)
{
	return r->action == RULE_REDIRECT && cpl_jid_is_set(c->to) && cpl_jid_equal_bare(r->redirect, c->to);
}

struct rule *rules_decide(struct rules *rules, struct rule_case *c, void (*passed)(const struct rule *rule, const struct rule_case *c))
{
	for (size_t i = 0; i < rules->count; i++) {
		struct rule *r = &rules->items[i];

		if (!fits(r, c) || is_done(r, c))
			continue;
		if (!c->dry)
			r->hits++;
		if (r->action == RULE_MARK)
			c->marks |= 1u << r->mark;
		else if (r->action != RULE_LOG)
			return r;
		if (passed)
			passed(r, c);
	}
	return NULL;
}
