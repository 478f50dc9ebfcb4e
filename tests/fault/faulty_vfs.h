/* SPDX-License-Identifier: MIT */
/*
 * A layer below SQLite that fails on purpose. It becomes SQLite's default file system; everything goes
 * through to the real one but for syncs, which are left out (nobody cuts the power here), until a fault is
 * asked for. Any thread.
 */
#ifndef TESTS_FAULT_FAULTY_VFS_H
#define TESTS_FAULT_FAULTY_VFS_H

#include <stdbool.h>

enum fault_kind { FAULT_WRITE = 1, FAULT_SYNC = 2, FAULT_READ = 4 };

void faulty_vfs_register(void);
/* The nth operation of these kinds from now on returns `result` (a code of SQLite); with `stays` all later
 * ones, too. 0: none. */
void faulty_vfs_at(unsigned nth, unsigned kinds, int result, bool stays);
/* True when the fault has struck. */
bool faulty_vfs_hit(void);

#endif
