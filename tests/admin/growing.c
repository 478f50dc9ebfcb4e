/* SPDX-License-Identifier: MIT */
/*
 * A module with one store, built once for each version of it (tests/admin/stores): -DVERSION, and -DGATE, a file without which the migration to the version does not come to its end.
 */
#include <couplet/module.h>
#include <time.h>
#include <unistd.h>

static const struct cpl_column columns[] = {{"size", CPL_COLUMN_INTEGER, false}, {NULL, 0, false}};

static int migrate(unsigned from, struct cpl_row *row, struct cpl_arena *arena)
{
	static const struct timespec moment = {.tv_nsec = 10000000};

	for (int i = 0; i < 3000 && access(GATE, F_OK) != 0; i++)
		nanosleep(&moment, NULL);
	row->values[0].integer *= 10;
	return access(GATE, F_OK) == 0 ? 0 : CPL_E_IO;
}

static const struct cpl_store growing_store = {"growing", CPL_STORE_MAP, VERSION, columns, migrate};
static const struct cpl_store *const stores[] = {&growing_store, NULL};

CPL_MODULE(growing) = {
	CPL_MODULE_HEAD("growing", "1.0", "A store that is migrated, for tests"),
	.stores = stores,
};
