/* SPDX-License-Identifier: MIT */
/* Descriptors: checked before any code of the module runs. */
#include "core/module/module.h"

/* What a module of API 1.0 has; a shorter one never was. */
#define SIZE_1_0 (offsetof(struct cpl_descriptor, schema) + sizeof(unsigned))

/* A table of rows of `row` bytes, up to the first whose end() says so, as rows of `size` bytes with a zeroed one at the end. */
static void *copy_rows(const void *table, size_t row, size_t size, bool (*end)(const void *row), struct cpl_arena *arena)
{
	const char *from = table;
	size_t count = 0;
	char *to;

	if (!table)
		return NULL;
	while (!end(from + count * row))
		count++;
	to = cpl_arena_alloc(arena, (count + 1) * size);
	for (size_t i = 0; i < count; i++)
		memcpy(to + i * size, from + i * row, row < size ? row : size);
	return to;
}

static bool event_end(const void *row)
{
	return !((const struct cpl_event_row *)row)->handler.any;
}

static bool iq_end(const void *row)
{
	return !((const struct cpl_iq_row *)row)->name;
}

static bool nonza_end(const void *row)
{
	return !((const struct cpl_nonza_row *)row)->name;
}

/* Rows that begin with a text, or with another pointer that is never NULL. */
static bool text_end(const void *row)
{
	return !*(const char *const *)row;
}

static int check_events(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (const struct cpl_event_row *row = d->events; row && row->handler.any; row++) {
		if (row->event >= CPL_EVENT_COUNT)
			return cpl_fail(error, CPL_E_INVALID, "handles event %u, which this server does not have", row->event);
		if (row->stage > CPL_STAGE_OBSERVE)
			return cpl_fail(error, CPL_E_INVALID, "handles event %s at stage %u, which does not exist",
					dispatch_event_name(row->event), row->stage);
		/* A suspended event could not tell the two apart. */
		for (const struct cpl_event_row *other = d->events; other < row; other++)
			if (other->event == row->event && other->stage == row->stage && other->number == row->number)
				return cpl_fail(error, CPL_E_INVALID, "has two handlers of event %s at the same stage and number",
						dispatch_event_name(row->event));
	}
	return 0;
}

static bool has_name(const struct cpl_descriptor *d, const struct cpl_name *name)
{
	for (struct cpl_name *const *own = d->names; own && *own; own++)
		if (*own == name)
			return true;
	return false;
}

static int check_claims(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (const struct cpl_iq_row *row = d->iqs; row && row->name; row++) {
		if (!row->handler || !row->types || !row->targets)
			return cpl_fail(error, CPL_E_INVALID, "the row of IQ %s has no handler, type or target", row->name->local);
		if (!has_name(d, row->name))
			return cpl_fail(error, CPL_E_INVALID, "the name %s of an IQ row is not listed in .names", row->name->local);
	}
	for (const struct cpl_nonza_row *row = d->nonzas; row && row->name; row++) {
		if (!row->handler || !row->sessions)
			return cpl_fail(error, CPL_E_INVALID, "the row of stream element %s has no handler or sessions", row->name->local);
		if (!has_name(d, row->name))
			return cpl_fail(error, CPL_E_INVALID, "the name %s of a stream element is not listed in .names", row->name->local);
	}
	return 0;
}

static size_t value_size(enum cpl_option_kind kind)
{
	switch (kind) {
	case CPL_OPTION_BOOL:
		return sizeof(bool);
	case CPL_OPTION_INT:
	case CPL_OPTION_TIME:
	case CPL_OPTION_SIZE:
		return sizeof(int64_t);
	case CPL_OPTION_STRING:
	case CPL_OPTION_SECRET:
		return sizeof(struct cpl_str);
	case CPL_OPTION_ENUM:
		return sizeof(int);
	case CPL_OPTION_JID:
		return sizeof(struct cpl_jid);
	case CPL_OPTION_LIST:
		return sizeof(struct cpl_str_list);
	case CPL_OPTION_ENUMS:
		return sizeof(struct cpl_enum_list);
	}
	return SIZE_MAX / 2;
}

static int check_options(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (const struct cpl_option *o = d->options; o && o->name; o++) {
		size_t size = value_size(o->kind);

		if (o->offset > d->config_size || size > d->config_size - o->offset)
			return cpl_fail(error, CPL_E_INVALID, "option %s lies outside of .config_size", o->name);
		if ((o->kind == CPL_OPTION_ENUM || o->kind == CPL_OPTION_ENUMS) && !o->values)
			return cpl_fail(error, CPL_E_INVALID, "option %s has no list of values", o->name);
	}
	return 0;
}

static int check_services(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (const struct cpl_provide_row *row = d->provides; row && row->name; row++)
		if (!row->service || !*(const size_t *)row->service)
			return cpl_fail(error, CPL_E_INVALID, "the table of the service %s does not begin with its size", row->name);
	for (const struct cpl_need_row *row = d->needs; row && row->ref; row++)
		if (!row->ref->name)
			return cpl_fail(error, CPL_E_INVALID, "a row of .needs has no name");
	for (struct cpl_slot *const *slot = d->slots; slot && *slot; slot++)
		if (!(*slot)->name || !(*slot)->size || (*slot)->of > CPL_SLOT_OF_HOST)
			return cpl_fail(error, CPL_E_INVALID, "a slot was not made with CPL_SLOT");
	return 0;
}

/* Words of small letters, digits, - and _, joined by dots; the first is `module`. */
static bool is_own_name(const char *name, const char *module)
{
	size_t len = strlen(module), all = name ? strlen(name) : 0;

	return all > len + 1 && all < 128 && memcmp(name, module, len) == 0 && name[len] == '.' && name[all - 1] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == all;
}

static int check_permissions(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (struct cpl_permission *const *p = d->permissions; p && *p; p++) {
		if (!is_own_name((*p)->action, d->name))
			return cpl_fail(error, CPL_E_INVALID, "the action \"%s\" is not called %s.SOMETHING", (*p)->action ? (*p)->action : "", d->name);
		if ((*p)->least > CPL_ROLE_OPERATOR || !(*p)->summary)
			return cpl_fail(error, CPL_E_INVALID, "the action %s has no such role, or no summary", (*p)->action);
	}
	return 0;
}

static int check_own_events(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (const struct cpl_publish_row *row = d->publishes; row && row->event; row++)
		if (!is_own_name(row->event->name, d->name))
			return cpl_fail(error, CPL_E_INVALID, "publishes an event \"%s\" that is not called %s.SOMETHING", row->event->name, d->name);
	for (const struct cpl_hear_row *row = d->hears; row && row->event; row++)
		if (!row->handler || row->stage > CPL_STAGE_OBSERVE)
			return cpl_fail(error, CPL_E_INVALID, "hears the event %s with no handler or at a stage that does not exist", row->event->name);
	return 0;
}

static int check_schedule(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (const struct cpl_schedule_row *row = d->schedule; row && row->name; row++) {
		size_t len = strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789_");

		if (row->name[len] || len == 0 || len > 63 || !row->run || !row->summary)
			return cpl_fail(error, CPL_E_INVALID, "the job \"%s\" has a name that is not allowed, no run function or no summary", row->name);
		if (row->period_ms && row->period_ms < 1000)
			return cpl_fail(error, CPL_E_INVALID, "the period of the job %s is shorter than a second", row->name);
		for (const struct cpl_schedule_row *other = d->schedule; other < row; other++)
			if (strcmp(other->name, row->name) == 0)
				return cpl_fail(error, CPL_E_INVALID, "has two jobs called %s", row->name);
	}
	return 0;
}

static int check_transfers(const struct cpl_descriptor *d, struct cpl_error *error)
{
	for (const struct cpl_transfer_row *row = d->transfers; row && row->store; row++) {
		bool own = false;

		for (const struct cpl_store *const *store = d->stores; store && *store; store++)
			own = own || *store == row->store;
		if (!own)
			return cpl_fail(error, CPL_E_INVALID, "the store %s of a transfer row is not listed in .stores", row->store->name);
		if (row->element && !has_name(d, row->element))
			return cpl_fail(error, CPL_E_INVALID, "the name %s of a transfer row is not listed in .names", row->element->local);
		if (!row->read || (row->write && !row->element))
			return cpl_fail(error, CPL_E_INVALID, "the transfer row of the store %s has no read, or no element to write", row->store->name);
	}
	return 0;
}

static int check_head(const struct cpl_descriptor *raw, struct cpl_str name, struct cpl_error *error)
{
	/* Size and versions lead, so that they can be read whatever follows. */
	if (raw->api_major != CPL_API_MAJOR)
		return cpl_fail(error, CPL_E_UNSUPPORTED, "was built for version %u.%u of the module API, this server has %u.%u: build it anew",
				raw->api_major, raw->api_minor, CPL_API_MAJOR, CPL_API_MINOR);
	if (raw->api_minor > CPL_API_MINOR)
		return cpl_fail(error, CPL_E_UNSUPPORTED, "needs version %u.%u of the module API, this server has %u.%u: it wants a newer server",
				raw->api_major, raw->api_minor, CPL_API_MAJOR, CPL_API_MINOR);
	if (raw->size < SIZE_1_0)
		return cpl_fail(error, CPL_E_INVALID, "its descriptor is %u bytes long, and at least %zu are needed: does it begin with CPL_MODULE_HEAD?",
				raw->size, SIZE_1_0);
	if (!raw->name || !raw->version || !raw->summary)
		return cpl_fail(error, CPL_E_INVALID, "its descriptor has no name, version or summary");
	if (!cpl_str_is(name, raw->name))
		return cpl_fail(error, CPL_E_INVALID, "calls itself \"%s\": file, symbol and name must agree", raw->name);
	return 0;
}

static int check_rows(const struct cpl_descriptor *d, struct cpl_error *error)
{
	/* The rows of API 1.0, which is this one. */
	if ((d->events && d->event_row < sizeof(struct cpl_event_row)) || (d->iqs && d->iq_row < sizeof(struct cpl_iq_row)) ||
	    (d->nonzas && d->nonza_row < sizeof(struct cpl_nonza_row)) || (d->features && d->feature_row < sizeof(struct cpl_feature_row)) ||
	    (d->identities && d->identity_row < sizeof(struct cpl_identity_row)) || (d->listens && d->listen_row < sizeof(struct cpl_listen_row)) ||
	    (d->options && d->option_row < sizeof(struct cpl_option)) || (d->commands && d->command_row < sizeof(struct cpl_command)))
		return cpl_fail(error, CPL_E_INVALID, "a row of its tables is too short: does its descriptor begin with CPL_MODULE_HEAD?");
	if (d->transfers && d->transfer_row < sizeof(struct cpl_transfer_row))
		return cpl_fail(error, CPL_E_INVALID, "a transfer row is too short: does its descriptor begin with CPL_MODULE_HEAD?");
	if ((d->permissions && d->permission_row < sizeof(struct cpl_permission)) || (d->publishes && d->publish_row < sizeof(struct cpl_publish_row)) ||
	    (d->hears && d->hear_row < sizeof(struct cpl_hear_row)) || (d->schedule && d->schedule_row < sizeof(struct cpl_schedule_row)))
		return cpl_fail(error, CPL_E_INVALID, "a row of its later tables is too short: does its descriptor begin with CPL_MODULE_HEAD?");
	return 0;
}

int descriptor_read(const struct cpl_descriptor *raw, struct cpl_str name, struct cpl_arena *arena, struct cpl_descriptor *out,
		    struct cpl_error *error)
{
	struct cpl_descriptor d = {0};

	if (check_head(raw, name, error) < 0)
		return error ? error->code : CPL_E_INVALID;
	memcpy(&d, raw, raw->size < sizeof(d) ? raw->size : sizeof(d));
	d.name = cpl_arena_copy(arena, cpl_str_of(raw->name)).ptr;
	d.version = cpl_arena_copy(arena, cpl_str_of(raw->version)).ptr;
	d.summary = cpl_arena_copy(arena, cpl_str_of(raw->summary)).ptr;
	if (check_rows(&d, error) < 0)
		return CPL_E_INVALID;
	d.events = copy_rows(d.events, d.event_row, sizeof(struct cpl_event_row), event_end, arena);
	d.iqs = copy_rows(d.iqs, d.iq_row, sizeof(struct cpl_iq_row), iq_end, arena);
	d.nonzas = copy_rows(d.nonzas, d.nonza_row, sizeof(struct cpl_nonza_row), nonza_end, arena);
	d.features = copy_rows(d.features, d.feature_row, sizeof(struct cpl_feature_row), text_end, arena);
	d.identities = copy_rows(d.identities, d.identity_row, sizeof(struct cpl_identity_row), text_end, arena);
	d.listens = copy_rows(d.listens, d.listen_row, sizeof(struct cpl_listen_row), text_end, arena);
	d.options = copy_rows(d.options, d.option_row, sizeof(struct cpl_option), text_end, arena);
	d.commands = copy_rows(d.commands, d.command_row, sizeof(struct cpl_command), text_end, arena);
	d.publishes = copy_rows(d.publishes, d.publish_row, sizeof(struct cpl_publish_row), text_end, arena);
	d.hears = copy_rows(d.hears, d.hear_row, sizeof(struct cpl_hear_row), text_end, arena);
	d.schedule = copy_rows(d.schedule, d.schedule_row, sizeof(struct cpl_schedule_row), text_end, arena);
	d.transfers = copy_rows(d.transfers, d.transfer_row, sizeof(struct cpl_transfer_row), text_end, arena);
	if (check_transfers(&d, error) < 0)
		return CPL_E_INVALID;
	if (check_permissions(&d, error) < 0 || check_own_events(&d, error) < 0 || check_schedule(&d, error) < 0)
		return CPL_E_INVALID;
	if (check_events(&d, error) < 0 || check_claims(&d, error) < 0 || check_options(&d, error) < 0 || check_services(&d, error) < 0)
		return CPL_E_INVALID;
	*out = d;
	return 0;
}

const struct cpl_provide_row *descriptor_provides(const struct cpl_descriptor *descriptor, const char *service, unsigned version)
{
	for (const struct cpl_provide_row *row = descriptor->provides; row && row->name; row++)
		if (strcmp(row->name, service) == 0 && row->version >= version)
			return row;
	return NULL;
}
