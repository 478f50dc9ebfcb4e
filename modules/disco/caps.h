/* SPDX-License-Identifier: MIT */
/*
 * The verification string of Entity Capabilities (XEP-0115 section 5.1) over what a disco#info answer says.
 * Pure: views in, text out. The arrays are sorted in place.
 */
#ifndef MODULES_DISCO_CAPS_H
#define MODULES_DISCO_CAPS_H

#include <couplet/memory.h>

struct caps_identity {
	struct cpl_str category, type, lang, name; /* lang and name: CPL_NONE where absent */
};
struct caps_field {
	struct cpl_str var;
	struct cpl_str *values;
	size_t count;
};
struct caps_form {
	struct cpl_str form_type;
	struct caps_field *fields; /* without FORM_TYPE */
	size_t count;
};
struct caps_info {
	struct caps_identity *identities;
	size_t identity_count;
	struct cpl_str *features;
	size_t feature_count;
	struct caps_form *forms;
	size_t form_count;
};

/* Appends the string S that is hashed. */
void caps_string(struct caps_info *info, struct cpl_buf *out);
/* The attribute ver for hash='sha-1', in the arena. */
struct cpl_str caps_ver(struct caps_info *info, struct cpl_arena *arena);

#endif
