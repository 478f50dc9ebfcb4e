/* SPDX-License-Identifier: MIT */
/* OpenSSL's memory, counted for connections. */
#include "core/net/tls_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

static _Thread_local int64_t *counted;

/* With the word that the C library keeps before a block. */
static int64_t size_of(void *block)
{
	return block ? (int64_t)(malloc_usable_size(block) + sizeof(size_t)) : 0;
}

static void *take(size_t size, const char *file, int line)
{
	void *block = malloc(size);

	if (counted)
		*counted += size_of(block);
	return block;
}

static void *change(void *block, size_t size, const char *file, int line)
{
	int64_t before = counted ? size_of(block) : 0;
	void *moved = realloc(block, size);

	/* Of size 0 it is freed. */
	if (counted && (moved || size == 0))
		*counted += size_of(moved) - before;
	return moved;
}

static void give_back(void *block, const char *file, int line)
{
	if (counted)
		*counted -= size_of(block);
	free(block);
}

void tls_memory_begin(void)
{
	CRYPTO_set_mem_functions(take, change, give_back);
}

void tls_memory_count(int64_t *count)
{
	counted = count;
}
