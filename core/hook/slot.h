/* SPDX-License-Identifier: MIT */
/*
 * Slots: room for modules' data in sessions, accounts and hosts. Each object has an array of pointers (struct cpl_slots), made when the first module wants room in
 * it; a slot is an index into the arrays of its kind of object. This file knows all arrays, so that a module's data can be found
 * wherever it is. Session thread.
 *
 * A place is known by (kind of object, module's name, slot's name, layout). Generations of a module that agree in all four share it: the data stays where it is, and from
 * the swap on the new generation's function releases it. Another layout is another place, into which the swap migrates the data.
 */
#ifndef CORE_HOOK_SLOT_H
#define CORE_HOOK_SLOT_H

#include <couplet/module.h>

/* For owners of objects: releases all data of an object, newest slot first, and its array. */
void slot_release_all(struct cpl_slots *slots, enum cpl_slot_of of);

/* Bytes of the heap that the array takes; and all data of an object: the blocks themselves, not what they refer to. */
size_t slot_array_held(const struct cpl_slots *slots);
void slot_each(const struct cpl_slots *slots, enum cpl_slot_of of, void (*each)(void *data, const char *module, const char *slot, const void *block), void *data);

/* For core/module. `slot` must live until slot_unregister(). Fills in slot->index. CPL_E_INVALID: same layout as a place in use, but another size. */
int slot_register(struct cpl_slot *slot, struct cpl_module *module, const char *module_name, struct cpl_error *error);
/* The end of one registration: data that belongs to it is released with its function. */
void slot_unregister(struct cpl_slot *slot, struct cpl_module *module);
/*
 * At the swap of a reload: places that both generations know become the new one's. Data in old places for which the new generation has a
 * slot of the same name and kind is migrated; data in others is released by the old code.
 */
void slot_take_over(struct cpl_slot *const *before, struct cpl_module *old, struct cpl_slot *const *now, struct cpl_module *module);
/*
 * Looks through the data of a module's slots for addresses in [low, high), pointers into code or constants about to be unmapped (core/base/reach.h). found() is
 * called once for each slot that has one.
 */
void slot_scan(const struct cpl_module *module, uintptr_t low, uintptr_t high, void (*found)(const char *slot, const char *module));

#endif
