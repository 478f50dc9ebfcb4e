/* SPDX-License-Identifier: MIT */
/* Descriptors: checked before any code of the module runs. */
#include "core/module/module.h"

/* What a module of API 1.0 has; a shorter one never was. */
#define SIZE_1_0 (offsetof(struct cpl_descriptor, schema) + sizeof(unsigned))

/*
 * Tables end with a row whose first member, or a handler behind it, is NULL. Where somebody forgot that row, what is behind the table is taken for more rows, whose pointers lead
 * nowhere: that must not end the server.
 */
static int no_end(const char *table, struct cpl_error *error)
{
	return cpl_fail(error, CPL_E_INVALID, "the table .%s has no end: its last row is a NULL, or CPL_OPT_END, CPL_ON_END, CPL_COMMAND_END and the like", table);
}

/* What a row begins with. */
enum key { KEY_CODE, KEY_TEXT, KEY_NAMED /* a struct that begins with a text */, KEY_NAME /* a struct cpl_name */ };

static bool is_text(const char *text)
{
	size_t room = loader_room(text), len = strnlen(text, room);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			return false;
	return len < room && cpl_str_is_utf8((struct cpl_str){text, len});
}

static bool is_key(const void *key, enum key kind)
{
	const struct cpl_name *name = key;

	switch (kind) {
	case KEY_CODE:
		return loader_room(key) > 0;
	case KEY_TEXT:
		return is_text(key);
	case KEY_NAMED:
		return loader_room(key) >= sizeof(char *) && is_text(*(const char *const *)key);
	case KEY_NAME:
		return loader_room(key) >= sizeof(*name) && (!name->ns || is_text(name->ns)) && (!name->local || is_text(name->local));
	}
	return false;
}

/* What says that a row is one; NULL at the end. */
typedef const void *row_key(const void *row);

static const void *event_key(const void *row)
{
	return (const void *)((const struct cpl_event_row *)row)->handler.any;
}

static const void *iq_key(const void *row)
{
	return ((const struct cpl_iq_row *)row)->name;
}

static const void *nonza_key(const void *row)
{
	return ((const struct cpl_nonza_row *)row)->name;
}

/* Rows that begin with a text, or with another pointer that is never NULL. */
static const void *first_key(const void *row)
{
	return *(const void *const *)row;
}

/* The number of rows, or -1 when there is no end. */
static ptrdiff_t count_rows(const void *table, size_t row, row_key *key, enum key kind)
{
	const char *at = table;
	size_t room = loader_room(table);

	for (ptrdiff_t count = 0; room >= row; count++, at += row, room -= row) {
		const void *found = key(at);

		if (!found)
			return count;
		if (!is_key(found, kind))
			return -1;
	}
	return -1;
}

/* What `place` points to becomes rows of `size` bytes with a zeroed one at the end. */
static int copy_rows(void *place, const char *name, size_t row, size_t size, row_key *key, enum key kind, struct cpl_arena *arena,
		     struct cpl_error *error)
{
	ptrdiff_t count;
	const char *from;
	char *to;

	memcpy(&from, place, sizeof(from));
	if (!from)
		return 0;
	count = count_rows(from, row, key, kind);
	if (count < 0)
		return no_end(name, error);
	to = cpl_arena_alloc(arena, ((size_t)count + 1) * size);
	for (size_t i = 0; i < (size_t)count; i++)
		memcpy(to + i * size, from + i * row, row < size ? row : size);
	memcpy(place, &to, sizeof(to));
	return 0;
}

/* Those that are used where they are. */
static int check_ends(const struct cpl_descriptor *d, struct cpl_error *error)
{
	const struct {
		const char *name;
		const void *table;
		size_t row;
		enum key kind;
	} tables[] = {
		{"names", d->names, sizeof(*d->names), KEY_NAME},
		{"needs", d->needs, sizeof(*d->needs), KEY_NAMED},
		{"provides", d->provides, sizeof(*d->provides), KEY_TEXT},
		{"permissions", d->permissions, sizeof(*d->permissions), KEY_NAMED},
		{"slots", d->slots, sizeof(*d->slots), KEY_NAMED},
		{"stores", d->stores, sizeof(*d->stores), KEY_NAMED},
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (tables[i].table && count_rows(tables[i].table, tables[i].row, first_key, tables[i].kind) < 0)
			return no_end(tables[i].name, error);
	return 0;
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

static int copy_tables(struct cpl_descriptor *d, struct cpl_arena *arena, struct cpl_error *error)
{
	const struct {
		const char *name;
		void *table;
		size_t row, size;
		row_key *key;
		enum key kind;
	} tables[] = {
		{"events", &d->events, d->event_row, sizeof(struct cpl_event_row), event_key, KEY_CODE},
		{"iqs", &d->iqs, d->iq_row, sizeof(struct cpl_iq_row), iq_key, KEY_NAME},
		{"nonzas", &d->nonzas, d->nonza_row, sizeof(struct cpl_nonza_row), nonza_key, KEY_NAME},
		{"features", &d->features, d->feature_row, sizeof(struct cpl_feature_row), first_key, KEY_TEXT},
		{"identities", &d->identities, d->identity_row, sizeof(struct cpl_identity_row), first_key, KEY_TEXT},
		{"listens", &d->listens, d->listen_row, sizeof(struct cpl_listen_row), first_key, KEY_TEXT},
		{"options", &d->options, d->option_row, sizeof(struct cpl_option), first_key, KEY_TEXT},
		{"commands", &d->commands, d->command_row, sizeof(struct cpl_command), first_key, KEY_TEXT},
		{"publishes", &d->publishes, d->publish_row, sizeof(struct cpl_publish_row), first_key, KEY_NAMED},
		{"hears", &d->hears, d->hear_row, sizeof(struct cpl_hear_row), first_key, KEY_NAMED},
		{"schedule", &d->schedule, d->schedule_row, sizeof(struct cpl_schedule_row), first_key, KEY_TEXT},
		{"transfers", &d->transfers, d->transfer_row, sizeof(struct cpl_transfer_row), first_key, KEY_NAMED},
	};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(tables) / sizeof(tables[0]); i++)
		code = copy_rows(tables[i].table, tables[i].name, tables[i].row, tables[i].size, tables[i].key, tables[i].kind, arena, error);
	return code;
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
	if (check_ends(&d, error) < 0 || copy_tables(&d, arena, error) < 0)
		return CPL_E_INVALID;
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
