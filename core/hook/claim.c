/* SPDX-License-Identifier: MIT */
/* Claims: IQ payloads and stream elements that go straight to the one handler that asked for them. */
#include "core/hook/table.h"

#include <assert.h>
#include <couplet/memory.h>

static uint32_t key_of(uint16_t ns_id, uint16_t local_id)
{
	return ns_id && local_id ? (uint32_t)ns_id << 16 | local_id : 0;
}

static uint32_t place_of(uint32_t key)
{
	return (key * 2654435769u) >> 8;
}

static struct table_iq *find_iq(const struct dispatch *d, uint32_t key)
{
	uint32_t place = place_of(key) & d->iq_mask;

	while (d->iqs[place].key && d->iqs[place].key != key)
		place = (place + 1) & d->iq_mask;
	return &d->iqs[place];
}

static const char *target_text(unsigned bit)
{
	static const char *const texts[] = {"the sender's own account", "another account", "the host", "a full address"};

	return texts[bit];
}

static int claim_iq(struct table_iq *iq, const struct cpl_iq_row *row, const struct dispatch_entry *entry, struct cpl_error *error)
{
	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned bit = 0; bit < CLAIM_TARGETS; bit++) {
			if (!(row->types & (kind ? CPL_IQ_SET : CPL_IQ_GET)) || !(row->targets & 1u << bit))
				continue;
			if (iq->claim[kind][bit].row)
				return cpl_fail(error, CPL_E_CONFLICT, "modules %s and %s both claim IQ %s <%s xmlns='%s'/> to %s",
						iq->claim[kind][bit].entry->descriptor->name, entry->descriptor->name,
						kind ? "set" : "get", row->name->local, row->name->ns ? row->name->ns : "",
						target_text(bit));
			iq->claim[kind][bit].row = row;
			iq->claim[kind][bit].entry = entry;
		}
	return 0;
}

static int add_iqs(struct dispatch *d, struct cpl_error *error)
{
	size_t count = 0, places = 8;

	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_iq_row *row = d->entries[e].descriptor->iqs; row && row->handler; row++)
			count++;
	while (places < count * 2)
		places *= 2;
	d->iqs = cpl_arena_alloc(d->arena, places * sizeof(*d->iqs));
	d->iq_mask = (uint32_t)places - 1;
	if (!d->host)
		return 0;
	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_iq_row *row = d->entries[e].descriptor->iqs; row && row->handler; row++) {
			uint32_t key = key_of(row->name->ns_id, row->name->local_id);
			struct table_iq *iq = find_iq(d, key);

			assert(key); /* the manager interns names first */
			iq->key = key;
			if (claim_iq(iq, row, &d->entries[e], error) < 0)
				return CPL_E_CONFLICT;
		}
	return 0;
}

static int add_nonzas(struct dispatch *d, struct cpl_error *error)
{
	size_t count = 0;

	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_nonza_row *row = d->entries[e].descriptor->nonzas; row && row->handler; row++)
			count++;
	d->nonzas = cpl_arena_alloc(d->arena, (count + 1) * sizeof(*d->nonzas));
	if (!d->host)
		return 0;
	for (size_t e = 0; e < d->entry_count; e++)
		for (const struct cpl_nonza_row *row = d->entries[e].descriptor->nonzas; row && row->handler; row++) {
			uint32_t key = key_of(row->name->ns_id, row->name->local_id);

			for (size_t i = 0; i < d->nonza_count; i++)
				if (d->nonzas[i].key == key && d->nonzas[i].row->sessions & row->sessions)
					return cpl_fail(error, CPL_E_CONFLICT, "modules %s and %s both claim the stream element <%s xmlns='%s'/>",
							d->nonzas[i].entry->descriptor->name, d->entries[e].descriptor->name, row->name->local,
							row->name->ns ? row->name->ns : "");
			d->nonzas[d->nonza_count++] = (struct table_nonza){key, row, &d->entries[e]};
		}
	return 0;
}

int claim_build(struct dispatch *d, struct cpl_error *error)
{
	int code = add_iqs(d, error);

	return code < 0 ? code : add_nonzas(d, error);
}

static bool may_come_from(const struct cpl_session *session, unsigned sessions)
{
	unsigned bit = session ? 1u << session->type : 0;

	if (sessions)
		return (bit & sessions) != 0;
	return !session || bit & (CPL_IN(C2S) | CPL_IN(S2SIN) | CPL_IN(S2SOUT) | CPL_IN(COMPONENT));
}

static unsigned target_bit(unsigned target)
{
	return target == CPL_TO_SELF ? 0 : target == CPL_TO_BARE ? 1 : target == CPL_TO_HOST ? 2 : 3;
}

bool dispatch_iq_claimed(struct cpl_host *host, enum cpl_type type, unsigned targets, const struct cpl_element *payload)
{
	const struct dispatch *d = dispatch_of(host);
	uint32_t key = key_of(payload->ns_id, payload->name_id);
	const struct table_iq *iq;

	if (!d || !key || (type != CPL_TYPE_GET && type != CPL_TYPE_SET))
		return false;
	iq = find_iq(d, key);
	for (unsigned bit = 0; iq->key && bit < CLAIM_TARGETS; bit++)
		if (targets & 1u << bit && iq->claim[type == CPL_TYPE_SET][bit].row)
			return true;
	return false;
}

/*
 * UNSAFE: the payload begins with its struct cpl_event, so a pointer to the one is a pointer to the other; and a handler is called through a pointer type
 * that differs from its own in the type of that parameter only.
 */
typedef enum cpl_flow claim_handler(struct cpl_module *self, void *payload);
_Static_assert(offsetof(struct cpl_ev_stanza, event) == 0 && offsetof(struct cpl_ev_nonza, event) == 0, "payloads begin with their event");

/* Runs one handler that is no part of an event's row; NEXT is its result, too. */
static void start_claim(struct cpl_host *host, struct cpl_event *event, const struct dispatch_entry *entry,
			unsigned where, claim_handler *handler, void (*done)(struct cpl_event *event, enum cpl_flow result))
{
	struct account *account = account_of_module && entry->module ? account_of_module(entry->module) : NULL;
	struct account_visit visit;
	enum cpl_flow flow;
	struct dispatch *d;
	bool waits;

	event->host = host;
	event->done = done;
	event->id = where == ACCOUNT_IN_IQ ? EVENT_CLAIM_IQ : EVENT_CLAIM_ELEMENT;
	event->suspension = NULL;
	event->starter = NULL;
	if (!event_enter(event->id)) {
		event_finish(event, CPL_DROP);
		return;
	}
	d = dispatch_ref(dispatch_of(host));
	visit = account_enter(account, entry->module, where);
	flow = handler(entry->module, event);
	account_leave(&visit);
	if (flow != CPL_NEXT)
		visit.place->stops++;
	event->module = entry->descriptor->name;
	waits = suspension_settle(event, entry->module, entry->descriptor->name, &flow);
	dispatch_unref(&d);
	event_leave();
	if (!waits)
		event_finish(event, flow);
}

bool dispatch_iq_start(struct cpl_host *host, struct cpl_ev_stanza *ev, unsigned target, const struct cpl_element *payload,
		       void (*done)(struct cpl_event *event, enum cpl_flow result))
{
	const struct dispatch *d = dispatch_of(host);
	uint32_t key = key_of(payload->ns_id, payload->name_id);
	bool set = ev->stanza->type == CPL_TYPE_SET;
	const struct table_iq *iq;
	const struct cpl_iq_row *row;

	if (!d || !key || (!set && ev->stanza->type != CPL_TYPE_GET))
		return false;
	iq = find_iq(d, key);
	row = iq->key ? iq->claim[set][target_bit(target)].row : NULL;
	if (!row || !may_come_from(ev->session, row->sessions))
		return false;
	start_claim(host, &ev->event, iq->claim[set][target_bit(target)].entry, ACCOUNT_IN_IQ,
		    (claim_handler *)(void (*)(void))row->handler, done);
	return true;
}

bool dispatch_nonza_taken(struct cpl_host *host, unsigned sessions)
{
	const struct dispatch *d = dispatch_of(host);

	for (size_t i = 0; d && i < d->nonza_count; i++)
		if (d->nonzas[i].row->sessions & sessions)
			return true;
	return false;
}

bool dispatch_nonza_start(struct cpl_host *host, struct cpl_ev_nonza *ev, void (*done)(struct cpl_event *event, enum cpl_flow result))
{
	const struct dispatch *d = dispatch_of(host);
	const struct cpl_element *root = ev->nonza->root;
	uint32_t key = key_of(root->ns_id, root->name_id);

	for (size_t i = 0; d && key && i < d->nonza_count; i++) {
		const struct table_nonza *nonza = &d->nonzas[i];

		if (nonza->key != key || !(nonza->row->sessions & 1u << ev->session->type))
			continue;
		start_claim(host, &ev->event, nonza->entry, ACCOUNT_IN_NONZA, (claim_handler *)(void (*)(void))nonza->row->handler, done);
		return true;
	}
	return false;
}
