/* SPDX-License-Identifier: MIT */
/* The verification string of Entity Capabilities. */
#include "modules/disco/caps.h"

#include <couplet/time.h>

#include <openssl/evp.h>
#include <stdlib.h>

static int by_text(const void *a, const void *b)
{
	return cpl_str_compare(*(const struct cpl_str *)a, *(const struct cpl_str *)b);
}

static int by_identity(const void *a, const void *b)
{
	const struct caps_identity *x = a, *y = b;
	int order = cpl_str_compare(x->category, y->category);

	if (order == 0)
		order = cpl_str_compare(x->type, y->type);
	if (order == 0)
		order = cpl_str_compare(x->lang, y->lang);
	return order ? order : cpl_str_compare(x->name, y->name);
}

static int by_var(const void *a, const void *b)
{
	return cpl_str_compare(((const struct caps_field *)a)->var, ((const struct caps_field *)b)->var);
}

static int by_form_type(const void *a, const void *b)
{
	return cpl_str_compare(((const struct caps_form *)a)->form_type,
			       ((const struct caps_form *)b)->form_type);
}

/* qsort() may not be given a null pointer. */
static void sort(void *items, size_t count, size_t size, int (*compare)(const void *a, const void *b))
{
	if (count > 1)
		qsort(items, count, size, compare);
}

static void add(struct cpl_buf *out, struct cpl_str text)
{
	cpl_buf_add(out, text);
	cpl_buf_add_char(out, '<');
}

static void add_form(struct cpl_buf *out, struct caps_form *form)
{
	add(out, form->form_type);
	sort(form->fields, form->count, sizeof(form->fields[0]), by_var);
	for (size_t i = 0; i < form->count; i++) {
		struct caps_field *field = &form->fields[i];

		add(out, field->var);
		sort(field->values, field->count, sizeof(field->values[0]), by_text);
		for (size_t j = 0; j < field->count; j++)
			add(out, field->values[j]);
	}
}

void caps_string(struct caps_info *info, struct cpl_buf *out)
{
	sort(info->identities, info->identity_count, sizeof(info->identities[0]), by_identity);
	for (size_t i = 0; i < info->identity_count; i++) {
		const struct caps_identity *identity = &info->identities[i];

		cpl_buf_add(out, identity->category);
		cpl_buf_add_char(out, '/');
		cpl_buf_add(out, identity->type);
		cpl_buf_add_char(out, '/');
		cpl_buf_add(out, identity->lang);
		cpl_buf_add_char(out, '/');
		add(out, identity->name);
	}
	sort(info->features, info->feature_count, sizeof(info->features[0]), by_text);
	for (size_t i = 0; i < info->feature_count; i++)
		add(out, info->features[i]);
	sort(info->forms, info->form_count, sizeof(info->forms[0]), by_form_type);
	for (size_t i = 0; i < info->form_count; i++)
		add_form(out, &info->forms[i]);
}

struct cpl_str caps_ver(struct caps_info *info, struct cpl_arena *arena)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	struct cpl_buf text = {0};

	caps_string(info, &text);
	if (!EVP_Digest(cpl_buf_str(&text).ptr, text.len, digest, &size, EVP_sha1(), NULL))
		abort(); /* no memory, or no SHA-1 in this OpenSSL */
	cpl_buf_finish(&text);
	return cpl_base64_encode(arena, digest, size);
}
