# storage
module_LTLIBRARIES += modules/memory.la
modules_memory_la_SOURCES = storage/memory/data.c storage/memory/data.h storage/memory/execute.c storage/memory/execute.h \
	storage/memory/memory.c
modules_memory_la_LDFLAGS = $(MODULE_LDFLAGS)

module_LTLIBRARIES += modules/sqlite.la
modules_sqlite_la_SOURCES = storage/sqlite/clock.c storage/sqlite/clock.h storage/sqlite/database.h storage/sqlite/execute.h \
	storage/sqlite/migrate.c storage/sqlite/numbers.c storage/sqlite/numbers.h storage/sqlite/open.c storage/sqlite/open.h \
	storage/sqlite/read.c storage/sqlite/schema.c storage/sqlite/schema.h storage/sqlite/sqlite.c \
	storage/sqlite/statements.c storage/sqlite/statements.h storage/sqlite/threads.c storage/sqlite/threads.h \
	storage/sqlite/traffic.c storage/sqlite/traffic.h storage/sqlite/usage.c storage/sqlite/usage.h storage/sqlite/write.c storage/sqlite/writer.c
modules_sqlite_la_LDFLAGS = $(MODULE_LDFLAGS)
modules_sqlite_la_LIBADD = $(SQLITE_LIBS) $(THREAD_LIBS)
