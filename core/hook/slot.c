/* SPDX-License-Identifier: MIT */
/* Slots: the places, the arrays, and what happens to data when its module changes. */
#include "core/hook/slot.h"
#include "core/base/memory.h"
#include "core/base/reach.h"

#include <assert.h>

enum { KINDS = CPL_SLOT_OF_HOST + 1 };

struct place {
	char *module_name; /* NULL: free */
	char *slot_name;
	unsigned layout;
	size_t size;
	unsigned users;                 /* registrations */
	const struct cpl_slot *slot;    /* the owner's, for its release; NULL: the owner has gone */
	struct cpl_module *owner;
};

static struct kind {
	struct place *places;
	uint32_t count;
	struct cpl_list arrays; /* struct array.node */
} kinds[KINDS];

/* What precedes the items of a struct cpl_slots, which says how many there are. */
struct array {
	struct cpl_list node;	 /* not linked: all its data are being released */
	struct cpl_slots *slots; /* the object's, which point here */
	void *items[];
};

static struct kind *kind_of(enum cpl_slot_of of)
{
	struct kind *kind = &kinds[of];

	if (!kind->arrays.next)
		cpl_list_init(&kind->arrays);
	return kind;
}

static struct array *array_of(const struct cpl_slots *slots)
{
	return slots->items ? CPL_CONTAINER(slots->items, struct array, items) : NULL;
}

/* ---- for modules ---- */

void *cpl_slot_get(const struct cpl_slots *slots, const struct cpl_slot *slot)
{
	return slot->index < slots->count ? slots->items[slot->index] : NULL;
}

/* To the place that is wanted and no further: most objects have data in few. */
static void grow(struct cpl_slots *slots, enum cpl_slot_of of, uint32_t count)
{
	struct kind *kind = kind_of(of);
	struct array *array = array_of(slots);
	bool ending = array && !cpl_list_linked(&array->node);
	struct account_current before = account_now;

	/* The core pays for the array, the module for what it puts there. */
	account_now = (struct account_current){account_core(), NULL, 0};
	if (array)
		cpl_list_remove(&array->node);
	array = cpl_realloc(array, sizeof(*array) + count * sizeof(void *));
	account_now = before;
	array->slots = slots;
	if (!ending)
		cpl_list_append(&kind->arrays, &array->node);
	slots->items = array->items;
	slots->count = count;
}

void *cpl_slot_make(struct cpl_slots *slots, const struct cpl_slot *slot)
{
	assert(slot->index < kind_of(slot->of)->count);
	if (slot->index >= slots->count)
		grow(slots, slot->of, slot->index + 1);
	if (!slots->items[slot->index])
		slots->items[slot->index] = cpl_alloc(slot->size);
	return slots->items[slot->index];
}

static void release_data(const struct place *place, void *data)
{
	struct account *account = place->owner && account_of_module ? account_of_module(place->owner) : NULL;
	struct account_visit visit = account_enter(account, place->owner, ACCOUNT_IN_SLOT);

	if (place->slot && place->slot->release)
		place->slot->release(data);
	else
		cpl_free(data);
	account_leave(&visit);
}

static void release_item(const struct kind *kind, struct array *array, uint32_t index)
{
	void *data = array->items[index];

	if (!data)
		return;
	array->items[index] = NULL;
	release_data(&kind->places[index], data);
}

static bool is_empty(const struct array *array)
{
	for (uint32_t i = 0; i < array->slots->count; i++)
		if (array->items[i])
			return false;
	return true;
}

static void array_destroy(struct cpl_slots *slots)
{
	struct array *array = array_of(slots);

	cpl_list_remove(&array->node);
	cpl_free(array);
	*slots = (struct cpl_slots){0};
}

void cpl_slot_clear(struct cpl_slots *slots, const struct cpl_slot *slot)
{
	if (slot->index >= slots->count)
		return;
	release_item(kind_of(slot->of), array_of(slots), slot->index);
	/* What a session needs to log in it needs no more: without data there is no array (80 bytes of an idle session). The release function may have made some, or cleared the last. */
	if (slots->items && cpl_list_linked(&array_of(slots)->node) && is_empty(array_of(slots)))
		array_destroy(slots);
}

/* ---- for owners of objects ---- */

void slot_release_all(struct cpl_slots *slots, enum cpl_slot_of of)
{
	if (!slots->items)
		return;
	cpl_list_remove(&array_of(slots)->node);
	/* A release function may still make data in a slot of lower index, which comes later. */
	for (uint32_t i = slots->count; i-- > 0;)
		release_item(kind_of(of), array_of(slots), i);
	array_destroy(slots);
}

size_t slot_array_held(const struct cpl_slots *slots)
{
	return memory_held(array_of(slots));
}

void slot_each(const struct cpl_slots *slots, enum cpl_slot_of of, void (*each)(void *data, const char *module, const char *slot, const void *block), void *data)
{
	const struct kind *kind = kind_of(of);

	for (uint32_t i = 0; i < slots->count; i++)
		if (slots->items[i])
			each(data, kind->places[i].module_name, kind->places[i].slot_name, slots->items[i]);
}

/* ---- for core/module ---- */

static struct place *find_place(struct kind *kind, const struct cpl_slot *slot, const char *module_name)
{
	for (uint32_t i = 0; i < kind->count; i++) {
		struct place *place = &kind->places[i];

		if (place->module_name && place->layout == slot->layout && strcmp(place->module_name, module_name) == 0 &&
		    strcmp(place->slot_name, slot->name) == 0)
			return place;
	}
	return NULL;
}

static struct place *make_place(struct kind *kind, const struct cpl_slot *slot, const char *module_name)
{
	struct place *place = NULL;

	for (uint32_t i = 0; i < kind->count && !place; i++)
		if (!kind->places[i].module_name)
			place = &kind->places[i];
	if (!place) {
		kind->places = cpl_realloc(kind->places, (kind->count + 1) * sizeof(*kind->places));
		place = &kind->places[kind->count++];
	}
	*place = (struct place){
		.module_name = cpl_strdup(cpl_str_of(module_name)),
		.slot_name = cpl_strdup(cpl_str_of(slot->name)),
		.layout = slot->layout,
		.size = slot->size,
	};
	return place;
}

int slot_register(struct cpl_slot *slot, struct cpl_module *module, const char *module_name, struct cpl_error *error)
{
	struct kind *kind = kind_of(slot->of);
	struct place *place = find_place(kind, slot, module_name);

	if (place && place->size != slot->size)
		return cpl_fail(error, CPL_E_INVALID, "slot %s has another size (%zu bytes, not %zu) but the same layout number %u", slot->name,
				slot->size, place->size, slot->layout);
	if (!place)
		place = make_place(kind, slot, module_name);
	if (!place->slot) {
		place->slot = slot;
		place->owner = module;
	}
	place->users++;
	slot->index = (uint32_t)(place - kind->places);
	return 0;
}

static void release_place(struct kind *kind, uint32_t index)
{
	CPL_LIST_EACH(node, &kind->arrays) {
		struct array *array = CPL_CONTAINER(node, struct array, node);

		if (index < array->slots->count)
			release_item(kind, array, index);
	}
}

void slot_unregister(struct cpl_slot *slot, struct cpl_module *module)
{
	struct kind *kind = kind_of(slot->of);
	struct place *place = &kind->places[slot->index];

	assert(slot->index < kind->count && place->users > 0);
	if (place->owner == module) {
		release_place(kind, slot->index);
		place->slot = NULL;
		place->owner = NULL;
	}
	if (--place->users > 0)
		return;
	cpl_free(place->module_name);
	cpl_free(place->slot_name);
	*place = (struct place){0};
}

/* The new owner pays for the data from now on. */
static void hand_over(struct kind *kind, uint32_t index, const struct cpl_slot *slot, struct cpl_module *module)
{
	struct account *account = account_of_module ? account_of_module(module) : account_core();

	kind->places[index].slot = slot;
	kind->places[index].owner = module;
	CPL_LIST_EACH(node, &kind->arrays) {
		struct array *array = CPL_CONTAINER(node, struct array, node);

		if (index < array->slots->count && array->items[index])
			memory_charge(array->items[index], account);
	}
}

static void migrate_place(struct kind *kind, uint32_t from, uint32_t to, const struct cpl_slot *slot, struct cpl_module *module)
{
	struct account *account = account_of_module ? account_of_module(module) : NULL;

	/* An array that grows moves to the end of the list, where it has nothing left in its old place. */
	CPL_LIST_EACH(node, &kind->arrays) {
		struct array *array = CPL_CONTAINER(node, struct array, node);
		struct cpl_slots *slots = array->slots;
		void *data = from < array->slots->count ? array->items[from] : NULL;
		struct account_visit visit;

		if (!data)
			continue;
		array->items[from] = NULL;
		if (to >= slots->count)
			grow(slots, slot->of, to + 1);
		visit = account_enter(account, module, ACCOUNT_IN_MIGRATE);
		slots->items[to] = slot->migrate(kind->places[from].layout, data);
		account_leave(&visit);
	}
}

static struct cpl_slot *same_name(struct cpl_slot *const *slots, const struct cpl_slot *slot)
{
	for (; slots && *slots; slots++)
		if ((*slots)->of == slot->of && strcmp((*slots)->name, slot->name) == 0)
			return *slots;
	return NULL;
}

void slot_take_over(struct cpl_slot *const *before, struct cpl_module *old, struct cpl_slot *const *now, struct cpl_module *module)
{
	for (; before && *before; before++) {
		struct kind *kind = kind_of((*before)->of);
		struct cpl_slot *heir = same_name(now, *before);

		if (kind->places[(*before)->index].owner != old)
			continue;
		if (heir && heir->index == (*before)->index) {
			hand_over(kind, heir->index, heir, module);
			continue;
		}
		if (heir && heir->migrate)
			migrate_place(kind, (*before)->index, heir->index, heir, module);
		release_place(kind, (*before)->index);
	}
	/* A place may still be that of an older generation, which drains: before the last one had another layout. */
	for (; now && *now; now++)
		if (kind_of((*now)->of)->places[(*now)->index].owner != module)
			hand_over(kind_of((*now)->of), (*now)->index, *now, module);
}

void slot_scan(const struct cpl_module *module, uintptr_t low, uintptr_t high, void (*found)(const char *slot, const char *module))
{
	const struct account *account = module && account_of_module ? account_of_module((struct cpl_module *)module) : account_core();

	for (int of = 0; of < KINDS; of++)
		for (uint32_t i = 0; i < kinds[of].count; i++) {
			const struct place *place = &kinds[of].places[i];

			if (place->owner != module || !place->module_name || !module)
				continue;
			CPL_LIST_EACH(node, &kinds[of].arrays) {
				const struct array *array = CPL_CONTAINER(node, struct array, node);

				if (i >= array->slots->count || !array->items[i] || !reach_into(array->items[i], account->memory, low, high))
					continue;
				found(place->slot_name, place->module_name);
				break;
			}
		}
}
