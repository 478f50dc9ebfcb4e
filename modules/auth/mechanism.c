/* SPDX-License-Identifier: MIT */
/* The SASL mechanisms that we speak. */
#include "modules/auth/mechanism.h"

#include <couplet/conn.h>
#include <couplet/time.h>

#include <stdlib.h>

const char *const mechanism_names[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
				       "SCRAM-SHA-1",	     "PLAIN",	      NULL};

const char *const binding_names[] = {
	[CPL_BINDING_TLS_UNIQUE] = "tls-unique",
	[CPL_BINDING_SERVER_END_POINT] = "tls-server-end-point",
	[CPL_BINDING_EXPORTER] = "tls-exporter",
	NULL,
};

static int find(const char *const *names, struct cpl_str name)
{
	for (int i = 0; names[i]; i++)
		if (cpl_str_is(name, names[i]))
			return i;
	return -1;
}

int mechanism_find(struct cpl_str name)
{
	return find(mechanism_names, name);
}

bool mechanism_is_plus(enum mechanism mechanism)
{
	return OFFER(mechanism) & OFFER_PLUS;
}

enum scram_hash mechanism_hash(enum mechanism mechanism)
{
	return mechanism == MECHANISM_SHA_1 || mechanism == MECHANISM_SHA_1_PLUS ? SCRAM_SHA_1
										 : SCRAM_SHA_256;
}

int binding_find(struct cpl_str name)
{
	return find(binding_names, name);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of a mask in the order of their bytes, with U+001E between them. */
static void add_sorted(struct cpl_buf *out, const char *const *names, unsigned mask)
{
	const char *chosen[MECHANISMS];
	size_t count = 0;

	for (int i = 0; names[i]; i++)
		if (mask & OFFER(i))
			chosen[count++] = names[i];
	qsort(chosen, count, sizeof(chosen[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			cpl_buf_add_char(out, '\x1e');
		cpl_buf_add(out, cpl_str_of(chosen[i]));
	}
}

struct cpl_str downgrade_hash(enum scram_hash hash, unsigned mechanisms, unsigned bindings,
			      struct cpl_arena *arena)
{
	struct cpl_buf text = {0};
	unsigned char digest[SCRAM_DIGEST_MAX];

	add_sorted(&text, mechanism_names, mechanisms);
	if (bindings) {
		cpl_buf_add_char(&text, '\x1f');
		add_sorted(&text, binding_names, bindings);
	}
	scram_digest(hash, cpl_buf_str(&text), digest);
	cpl_buf_finish(&text);
	return cpl_base64_encode(arena, digest, scram_digest_size(hash));
}
