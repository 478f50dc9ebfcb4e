# bench

# Durable archive rows a second: bench/storage
noinst_PROGRAMS += bench/storage
bench_storage_SOURCES = bench/storage.c tests/unit/storage/driver.c tests/unit/storage/driver.h $(modules_memory_la_SOURCES) \
	$(modules_sqlite_la_SOURCES)
bench_storage_CPPFLAGS = $(AM_CPPFLAGS)
bench_storage_LDADD = libcore.la $(SQLITE_LIBS)

# A counted load on a server and what it costs: bench/load (see the head of load.c)
noinst_PROGRAMS += bench/load
bench_load_SOURCES = bench/load.c bench/load.h bench/traffic.c bench/beside.c bench/presence.c bench/kept.c bench/lives.c bench/client.c bench/client.h \
	bench/measure.c bench/measure.h
bench_load_LDADD = $(OPENSSL_LIBS)

# Instructions in user space per stanza, and what they were: bench/instructions
EXTRA_DIST += bench/instructions bench/instructions.txt

# The same loads on Couplet and on other servers: bench/compare; charts of it: bench/plot
EXTRA_DIST += bench/compare bench/claims bench/servers.py bench/plot bench/README.md bench/charts

# What a hop to another thread and back costs: bench/handoff
noinst_PROGRAMS += bench/handoff
bench_handoff_SOURCES = bench/handoff.c
bench_handoff_LDADD = -lpthread
