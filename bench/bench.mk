# bench

# Durable archive rows a second: bench/storage
noinst_PROGRAMS += bench/storage
bench_storage_SOURCES = bench/storage.c tests/unit/storage/driver.c tests/unit/storage/driver.h $(modules_memory_la_SOURCES) \
	$(modules_sqlite_la_SOURCES)
bench_storage_CPPFLAGS = $(AM_CPPFLAGS)
bench_storage_LDADD = libcore.la $(SQLITE_LIBS)

# A counted load on a server and what it costs: bench/load (see the head of load.c)
noinst_PROGRAMS += bench/load
bench_load_SOURCES = bench/load.c bench/client.c bench/client.h bench/measure.c bench/measure.h
bench_load_LDADD = $(OPENSSL_LIBS)

# Instructions in user space per routed message: bench/route
EXTRA_DIST += bench/route
