/* SPDX-License-Identifier: MIT */
/* What a server process and its children have used, from /proc. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

struct measure {
	double cpu_seconds; /* user and system */
	long rss_kib;
};

/* Of the process tree of `pid`; zeroes for pid 0. */
void measure_take(struct measure *measure, int pid);
/* Resident memory alone, of the processes that the last measure_take() found: quick. */
long measure_rss(int pid);

#endif
