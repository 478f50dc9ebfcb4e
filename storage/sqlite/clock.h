/* SPDX-License-Identifier: MIT */
/*
 * How a question for times becomes a range of ids.
 *
 * The id of an archive row is the microsecond in which it was given out, so in ordinary rows id - when *
 * 1000, the lag, is between zero and a little, and the rows between two times are those between two ids: no
 * index over `when` is needed. When the clock is set back, ids go on rising where they were, and the lag
 * jumps; the same goes for imported rows, which are older than their ids. Each such jump begins a segment, a
 * row {id, least, most} of the table store_clock: from this id on, up to the next segment, the lag of every
 * row is within these bounds. A day after the clock was set back by an hour, one finds two segments: the odd
 * one and the ordinary one behind it. `when` itself is always compared, too.
 *
 * Segments are kept in memory, in struct db_table, and change with the rows in the same transaction.
 */
#ifndef STORAGE_SQLITE_CLOCK_H
#define STORAGE_SQLITE_CLOCK_H

#include "storage/sqlite/database.h"

/* Reads the segments of an archive. Writer; also after a rollback. */
int clock_read(struct database *db, struct db_table *table, struct cpl_error *error);
/* Reads those of all archives again. Writer, between transactions. */
void clocks_read(struct database *db);
/* Reads again what the transaction has changed: a part of it, or all, was undone. */
void clocks_undo(struct database *db);
/* The transaction has ended. */
void clocks_end(struct database *db);
/* Sees to a segment that holds the row, which is about to be written; last: there is none with a greater id. Writer. */
int clock_note(struct database *db, struct db_table *table, int64_t id, int64_t when, bool last,
	       struct cpl_error *error);
/* The ids that rows between two times (ms, 0: open) can have; first > last: none. Any thread. */
void clock_range(struct database *db, const struct db_table *table, int64_t start, int64_t end,
		 int64_t *first, int64_t *last);

#endif
