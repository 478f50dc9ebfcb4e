/* SPDX-License-Identifier: MIT */
/* Segments of archives in which id and time go together. */
#include "storage/sqlite/clock.h"
#include "storage/sqlite/open.h"
#include "storage/sqlite/statements.h"

/* Microseconds that an ordinary row's time may be behind its id. */
#define ORDINARY 60000000

static int64_t saturating_add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? -INT64_MAX : INT64_MAX) : sum;
}

static int64_t microseconds(int64_t ms)
{
	int64_t us;

	return __builtin_mul_overflow(ms, 1000, &us) ? (ms < 0 ? -INT64_MAX : INT64_MAX) : us;
}

/* Guarded by tables_lock where readers look. The caller has it. */
static void segment_insert(struct db_table *table, size_t at, struct db_segment segment)
{
	table->segments = cpl_realloc(table->segments, (table->segment_count + 1) * sizeof(*table->segments));
	memmove(&table->segments[at + 1], &table->segments[at],
		(table->segment_count - at) * sizeof(segment));
	table->segments[at] = segment;
	table->segment_count++;
}

int clock_read(struct database *db, struct db_table *table, struct cpl_error *error)
{
	sqlite3_stmt *statement = statement_common(&db->writer, DB_CLOCK_ALL, error);
	int result = SQLITE_DONE, code = 0;

	if (!statement)
		return error->code;
	statement_bind_text(statement, 1, cpl_str_of(table->store.name));
	pthread_mutex_lock(&db->tables_lock);
	table->segment_count = 0;
	segment_insert(table, 0, (struct db_segment){INT64_MIN, 0, ORDINARY});
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		struct db_segment segment = {sqlite3_column_int64(statement, 0),
					     sqlite3_column_int64(statement, 1),
					     sqlite3_column_int64(statement, 2)};

		/* The first one may be another than it is by itself. */
		if (segment.id == table->segments[0].id)
			table->segments[0] = segment;
		else
			segment_insert(table, table->segment_count, segment);
	}
	table->odd_id = table->segments[table->segment_count - 1].id;
	pthread_mutex_unlock(&db->tables_lock);
	if (result != SQLITE_DONE)
		code = db_fail(&db->writer, error, "reading the steps of the clock");
	sqlite3_reset(statement);
	return code;
}

/* A failure leaves the ordinary segment, with which a range is too narrow: then ranges are not used at all. */
static void read_or_widen(struct database *db, struct db_table *table)
{
	struct cpl_error error;

	if (!clock_read(db, table, &error))
		return;
	pthread_mutex_lock(&db->tables_lock);
	table->segments[0] = (struct db_segment){INT64_MIN, INT64_MIN, INT64_MAX};
	table->segment_count = 1;
	pthread_mutex_unlock(&db->tables_lock);
}

void clocks_read(struct database *db)
{
	for (struct db_table *table = db->all_tables; table; table = table->next)
		if (table->store.kind == CPL_STORE_ARCHIVE)
			read_or_widen(db, table);
}

void clocks_undo(struct database *db)
{
	for (struct db_table *table = db->all_tables; table; table = table->next)
		if (table->clock_changed)
			read_or_widen(db, table);
}

void clocks_end(struct database *db)
{
	for (struct db_table *table = db->all_tables; table; table = table->next)
		table->clock_changed = false;
}

/* Bounds that are rounded to powers of two, so that a wandering lag changes them rarely. */
static int64_t round_out(int64_t lag)
{
	int64_t bound = ORDINARY;

	while (bound < (lag < 0 ? -lag : lag) && bound < INT64_MAX / 4)
		bound *= 2;
	return lag < 0 ? -bound : bound;
}

static int segment_write(struct database *db, struct db_table *table, const struct db_segment *segment,
			 struct cpl_error *error)
{
	sqlite3_stmt *statement = statement_common(&db->writer, DB_CLOCK_SET, error);

	if (!statement)
		return error->code;
	table->clock_changed = true;
	statement_bind_text(statement, 1, cpl_str_of(table->store.name));
	sqlite3_bind_int64(statement, 2, segment->id);
	sqlite3_bind_int64(statement, 3, segment->least);
	sqlite3_bind_int64(statement, 4, segment->most);
	return statement_run(&db->writer, statement, "writing a step of the clock", error);
}

int clock_note(struct database *db, struct db_table *table, int64_t id, int64_t when, bool last, struct cpl_error *error)
{
	int64_t lag = saturating_add(id, -microseconds(when));
	bool ordinary = lag >= 0 && lag <= ORDINARY, newest, odd;
	struct db_segment segment;
	size_t at = table->segment_count - 1;

	while (at > 0 && table->segments[at].id > id)
		at--;
	segment = table->segments[at];
	newest = at == table->segment_count - 1;
	odd = segment.least < 0 || segment.most > ORDINARY;
	if (!ordinary && newest)
		table->odd_id = id;
	if (lag >= segment.least && lag <= segment.most) {
		/* Back to ordinary, once the odd rows are a minute old, and none of them can be behind this one. */
		if (!odd || !ordinary || !newest || !last || id - ORDINARY < table->odd_id)
			return 0;
		segment = (struct db_segment){id, 0, ORDINARY};
	} else {
		int64_t least = lag < 0 ? round_out(lag) : 0,
			most = lag > ORDINARY ? round_out(lag) : ORDINARY;

		if (!odd && newest && id > segment.id)
			segment = (struct db_segment){id, 0, ORDINARY};
		segment.least = least < segment.least ? least : segment.least;
		segment.most = most > segment.most ? most : segment.most;
	}
	pthread_mutex_lock(&db->tables_lock);
	if (segment.id == table->segments[at].id)
		table->segments[at] = segment;
	else
		segment_insert(table, at + 1, segment);
	pthread_mutex_unlock(&db->tables_lock);
	return segment_write(db, table, &segment, error);
}

void clock_range(struct database *db, const struct db_table *table, int64_t start, int64_t end,
		 int64_t *first, int64_t *last)
{
	*first = INT64_MAX;
	*last = INT64_MIN;
	pthread_mutex_lock(&db->tables_lock);
	for (size_t i = 0; i < table->segment_count; i++) {
		const struct db_segment *segment = &table->segments[i];
		int64_t low = segment->id, high = INT64_MAX, bound;

		if (i + 1 < table->segment_count)
			high = table->segments[i + 1].id - 1;
		bound = start ? saturating_add(microseconds(start), segment->least) : INT64_MIN;
		low = bound > low ? bound : low;
		bound = end ? saturating_add(saturating_add(microseconds(end), 999), segment->most)
			    : INT64_MAX;
		high = bound < high ? bound : high;
		if (low > high)
			continue;
		*first = low < *first ? low : *first;
		*last = high > *last ? high : *last;
	}
	pthread_mutex_unlock(&db->tables_lock);
}
