/* SPDX-License-Identifier: MIT */
/* The ids of archive rows: new ones, and those of rows that come back. */
#include "core/xmpp/store.h"

#include <couplet/time.h>

/* How far a row may be moved, 2^(LEAPS - 1) microseconds: half of the minute within which its id still goes with its time. */
enum { LEAPS = 26 };

void store_id_give(struct store_table *newest, struct cpl_store_step *step, int64_t had)
{
	struct cpl_module *provider;
	const struct cpl_storage_service *service = store_driver(&provider);
	int64_t now = cpl_now() * 1000;
	/* Nobody has had an id before its time, or above what are given out now: a new one would meet it some day. */
	bool comes_back = had > 0 && step->when <= had / 1000 && (had <= now || had <= newest->last_id) && service && STORE_DRIVER_HAS(service, keeps_ids);

	newest->last_id = now > newest->last_id ? now : newest->last_id + 1;
	step->id = comes_back ? had : newest->last_id;
	step->last = newest->last_id;
	step->flag = comes_back;
}

int64_t cpl_store_id_choose(struct cpl_id_choice *choice, const struct cpl_store_step *step, bool (*is_taken)(void *data, int64_t id), void *data)
{
	int64_t first, leap = 0;

	if (choice->store != step->store || !cpl_jid_equal(choice->account, step->account))
		*choice = (struct cpl_id_choice){.store = step->store, .account = step->account};
	first = step->id > choice->moved ? step->id : choice->moved + 1;
	for (unsigned i = 0; i <= LEAPS && first + leap < step->last; i++, leap = leap ? leap * 2 : 1) {
		if (is_taken(data, first + leap))
			continue;
		if (first + leap != step->id)
			choice->moved = first + leap;
		return first + leap;
	}
	choice->moved = step->last;
	return is_taken(data, step->last) ? 0 : step->last;
}
