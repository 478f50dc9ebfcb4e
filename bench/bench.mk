# bench

# Durable archive rows a second: bench/storage
noinst_PROGRAMS += bench/storage
bench_storage_SOURCES = bench/storage.c tests/unit/storage/driver.c tests/unit/storage/driver.h $(modules_memory_la_SOURCES) \
	$(modules_sqlite_la_SOURCES)
bench_storage_CPPFLAGS = $(AM_CPPFLAGS)
bench_storage_LDADD = libcore.la $(SQLITE_LIBS)
