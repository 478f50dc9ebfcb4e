/* SPDX-License-Identifier: MIT */
/* Memory back to the system. */
#include "core/base/trim.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

bool trim_due(struct trim *trim, size_t connections)
{
	bool falling = connections < trim->last;
	size_t gone;

	trim->last = connections;
	if (connections > trim->most)
		trim->most = connections;
	gone = trim->most - connections;
	if (!falling && gone >= TRIM_GONE_LEAST && gone >= trim->most / 4) {
		trim->most = connections;
		trim->looks = 1;
		return true;
	}
	if (!trim->looks)
		return false;
	if (trim->looks++ == TRIM_SOON)
		return true;
	if (trim->looks <= TRIM_LATE)
		return false;
	trim->looks = 0;
	return true;
}

void trim_take(struct trim_cache *cache)
{
	/* malloc() looks there first; the sizes are those of its classes. */
	for (size_t at = 0; at < TRIM_SIZES * TRIM_EACH; at++)
		cache->blocks[at] = malloc(24 + at / TRIM_EACH * 16);
}

struct release {
	struct trim_cache *caches;
	size_t count;
};

static void *free_blocks(void *data)
{
	const struct release *release = data;

	for (size_t at = 0; at < release->count; at++)
		for (size_t block = 0; block < TRIM_SIZES * TRIM_EACH; block++)
			free(release->caches[at].blocks[block]);
	return NULL;
}

void trim_release(struct trim_cache *caches, size_t count)
{
	struct release release = {caches, count};
	pthread_t thread;

	/* Whoever frees them has them in its cache again, so it is one that ends. */
	if (count && pthread_create(&thread, NULL, free_blocks, &release) == 0)
		pthread_join(thread, NULL);
	else
		free_blocks(&release);
	malloc_trim(0);
}
