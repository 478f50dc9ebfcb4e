/* SPDX-License-Identifier: MIT */
/* Preparation: the table for ASCII, the cache, libidn. */
#include "core/xmpp/prep.h"
#include <arpa/inet.h>
#include <couplet/error.h>
#include <idna.h>
#include <stringprep.h>

enum {
	TEXT_MAX =
		2 *
		CPL_JID_PART_MAX, /* bytes before preparation: mapping to nothing can make a text shorter */
	CODES_MAX = TEXT_MAX + 1, /* code points on the way; more than a part's bytes can't come out right */
	LABEL_MAX = 63,		  /* RFC 1035 2.3.4, in ASCII form */
};

#define L PREP_LOCAL
#define R PREP_RESOURCE
#define D PREP_LABEL
/* Localparts: no controls, no space, none of "&'/:<>@ and no capitals, which map. Resourceparts: all printable. */
const unsigned char prep_class[256] = {
	[' '] = R,
	['!'] = L | R,
	['"'] = R,
	['#' ... '%'] = L | R,
	['&' ... '\''] = R,
	['(' ... ','] = L | R,
	['-'] = L | R | D,
	['.'] = L | R,
	['/'] = R,
	['0' ... '9'] = L | R | D,
	[':'] = R,
	[';'] = L | R,
	['<'] = R,
	['='] = L | R,
	['>'] = R,
	['?'] = L | R,
	['@' ... 'Z'] = R,
	['[' ... '`'] = L | R,
	['a' ... 'z'] = L | R | D,
	['{' ... '~'] = L | R,
};
#undef L
#undef R
#undef D

bool prep_is_plain_domain(struct cpl_str text)
{
	size_t start = 0; /* of the label */

	if (text.len == 0 || text.len > CPL_JID_PART_MAX)
		return false;
	for (size_t i = 0; i <= text.len; i++) {
		if (i < text.len && (prep_class[(unsigned char)text.ptr[i]] & PREP_LABEL))
			continue;
		if (i < text.len && text.ptr[i] != '.')
			return false;
		if (i == start || i - start > LABEL_MAX || text.ptr[start] == '-' || text.ptr[i - 1] == '-')
			return false;
		start = i + 1;
	}
	return true;
}

/* ---- libidn ---- */

static bool is_ascii(struct cpl_str text)
{
	unsigned char all = 0;

	for (size_t i = 0; i < text.len; i++)
		all |= (unsigned char)text.ptr[i];
	return all < 0x80;
}

/* Text that is known to be UTF-8. */
static size_t decode(struct cpl_str text, uint32_t *codes)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len;) {
		unsigned char first = (unsigned char)text.ptr[i++];
		unsigned more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
		uint32_t code = more ? first & (0x3Fu >> more) : first;

		while (more--)
			code = code << 6 | ((unsigned char)text.ptr[i++] & 0x3F);
		codes[count++] = code;
	}
	return count;
}

/* False when it comes to more than `size` bytes. */
static bool encode(const uint32_t *codes, size_t count, char *out, size_t size, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t c = codes[i];
		unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

		if (*len + more + 1 > size)
			return false;
		out[(*len)++] = more ? (char)(0xFF00u >> (more + 1) | c >> 6 * more) : (char)c;
		while (more--)
			out[(*len)++] = (char)(0x80 | (c >> 6 * more & 0x3F));
	}
	return true;
}

/* Prepares `codes` in place. Twice: what the second pass would still change has no prepared form. */
static bool profile_run(const Stringprep_profile *profile, Stringprep_profile_flags flags,
			uint32_t codes[CODES_MAX], size_t *count)
{
	uint32_t again[CODES_MAX];
	size_t first = *count, second;

	if (stringprep_4i(codes, &first, CODES_MAX, flags, profile) != STRINGPREP_OK)
		return false;
	memcpy(again, codes, first * sizeof *codes);
	second = first;
	if (stringprep_4i(again, &second, CODES_MAX, flags, profile) != STRINGPREP_OK || first != second ||
	    memcmp(again, codes, first * sizeof *codes) != 0)
		return false;
	*count = first;
	return true;
}

static bool prepare_by(const Stringprep_profile *profile, Stringprep_profile_flags flags, struct cpl_str text,
		       char out[CPL_JID_PART_MAX], size_t *len)
{
	uint32_t codes[CODES_MAX];
	size_t count = decode(text, codes);

	return profile_run(profile, flags, codes, &count) && encode(codes, count, out, CPL_JID_PART_MAX, len);
}

/* ---- domains ---- */

static bool is_dot(uint32_t code)
{
	return code == '.' || code == 0x3002 || code == 0xFF0E || code == 0xFF61; /* RFC 3490 3.1 */
}

/* One label, in place; by itself, because the rule on directions holds for a label. */
static bool prepare_label(uint32_t codes[CODES_MAX], size_t *count)
{
	char ascii[LABEL_MAX + 1];

	if (*count == 0 || !profile_run(stringprep_nameprep, 0, codes, count))
		return false;
	/* ToASCII has the STD3 rules and the bound on length (RFC 3490 4.1), but it takes its text up to a
	 * zero. */
	for (size_t i = 0; i < *count; i++)
		if (codes[i] < 0x80 && !(prep_class[codes[i]] & PREP_LABEL))
			return false;
	return idna_to_ascii_4i(codes, *count, ascii, IDNA_ALLOW_UNASSIGNED | IDNA_USE_STD3_ASCII_RULES) ==
	       IDNA_SUCCESS;
}

static bool prepare_labels(struct cpl_str text, char out[CPL_JID_PART_MAX], size_t *len)
{
	uint32_t codes[CODES_MAX], label[CODES_MAX];
	size_t count = decode(text, codes);

	*len = 0;
	if (count && is_dot(codes[count - 1]))
		count--;
	for (size_t start = 0, end; start <= count; start = end + 1) {
		size_t label_count, label_len;

		for (end = start; end < count && !is_dot(codes[end]); end++)
			;
		label_count = end - start;
		memcpy(label, codes + start, label_count * sizeof *label);
		if (start) {
			if (*len == CPL_JID_PART_MAX)
				return false;
			out[(*len)++] = '.';
		}
		if (!prepare_label(label, &label_count) ||
		    !encode(label, label_count, out + *len, CPL_JID_PART_MAX - *len, &label_len))
			return false;
		*len += label_len;
	}
	return *len != 0;
}

/* "[2001:db8::1]" (RFC 6122 2.2), brought into the one form that inet_ntop() gives. */
static bool prepare_literal(struct cpl_str text, char out[CPL_JID_PART_MAX], size_t *len)
{
	char inner[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (text.len < 4 || text.len - 2 >= sizeof inner || text.ptr[text.len - 1] != ']')
		return false;
	memcpy(inner, text.ptr + 1, text.len - 2);
	inner[text.len - 2] = '\0';
	if (strlen(inner) != text.len - 2 || inet_pton(AF_INET6, inner, &address) != 1 ||
	    !inet_ntop(AF_INET6, &address, inner, sizeof inner))
		return false;
	*len = strlen(inner) + 2;
	out[0] = '[';
	memcpy(out + 1, inner, *len - 2);
	out[*len - 1] = ']';
	return true;
}

/* ---- parts ---- */

enum part { LOCAL, NEW_LOCAL, DOMAIN, RESOURCE };

/* ASCII: capitals become small, nothing else changes. */
static bool prepare_ascii(enum part part, struct cpl_str text, char out[CPL_JID_PART_MAX], size_t *len)
{
	if (part == DOMAIN && text.len && text.ptr[text.len - 1] == '.')
		text.len--;
	if (part == RESOURCE || text.len == 0 || text.len > CPL_JID_PART_MAX)
		return false; /* a resourcepart would have been plain */
	for (size_t i = 0; i < text.len; i++)
		out[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] | 0x20) : text.ptr[i];
	*len = text.len;
	text.ptr = out;
	return part == DOMAIN ? prep_is_plain_domain(text) : prep_is_plain(text, PREP_LOCAL);
}

static bool prepare_other(enum part part, struct cpl_str text, char out[CPL_JID_PART_MAX], size_t *len)
{
	if (!cpl_str_is_utf8(text))
		return false;
	switch (part) {
	case LOCAL:
		return prepare_by(stringprep_xmpp_nodeprep, 0, text, out, len) && *len;
	case NEW_LOCAL:
		return prepare_by(stringprep_xmpp_nodeprep, STRINGPREP_NO_UNASSIGNED, text, out, len) && *len;
	case DOMAIN:
		return prepare_labels(text, out, len);
	default:
		return prepare_by(stringprep_xmpp_resourceprep, 0, text, out, len) && *len;
	}
}

/* Direct-mapped: a newcomer takes the place. Only the time of a look-up can be influenced by a peer, so the
 * hash needs no key. */
enum { CACHE_PLACES = 128, CACHE_TEXT_MAX = 100 };
struct cached {
	uint8_t part;
	uint8_t text_len; /* 0: free */
	uint8_t out_len;
	char text[CACHE_TEXT_MAX];
	char out[CACHE_TEXT_MAX];
};
static _Thread_local struct cached cache[CACHE_PLACES];

static struct cached *cache_place(enum part part, struct cpl_str text)
{
	uint32_t h = 2166136261u ^ (uint32_t)part;

	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (unsigned char)text.ptr[i]) * 16777619u;
	return &cache[(h ^ h >> 16) % CACHE_PLACES];
}

static bool prepare_cached(enum part part, struct cpl_str text, char out[CPL_JID_PART_MAX], size_t *len)
{
	struct cached *place;

	if (text.len > CACHE_TEXT_MAX)
		return prepare_other(part, text, out, len);
	place = cache_place(part, text);
	if (place->part == part && place->text_len == text.len &&
	    memcmp(place->text, text.ptr, text.len) == 0) {
		*len = place->out_len;
		memcpy(out, place->out, *len);
		return true;
	}
	if (!prepare_other(part, text, out, len))
		return false;
	if (*len <= CACHE_TEXT_MAX) {
		place->part = (uint8_t)part;
		place->text_len = (uint8_t)text.len;
		place->out_len = (uint8_t)*len;
		memcpy(place->text, text.ptr, text.len);
		memcpy(place->out, out, *len);
	}
	return true;
}

static int prepare(enum part part, struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena)
{
	char prepared[CPL_JID_PART_MAX];
	size_t len = 0;
	bool good;

	if (text.len == 0 || text.len > TEXT_MAX)
		return CPL_E_INVALID;
	if (part == DOMAIN && text.ptr[0] == '[')
		good = prepare_literal(text, prepared, &len);
	else if (is_ascii(text))
		good = prepare_ascii(part, text, prepared, &len);
	else
		good = prepare_cached(part, text, prepared, &len);
	if (!good)
		return CPL_E_INVALID;
	*out = cpl_str_equal(text, (struct cpl_str){prepared, len})
		       ? text
		       : cpl_arena_copy(arena, (struct cpl_str){prepared, len});
	return 0;
}

int cpl_prepare_local(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena)
{
	if (!prep_is_plain(text, PREP_LOCAL))
		return prepare(LOCAL, out, text, arena);
	*out = text;
	return 0;
}

int cpl_prepare_new_local(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena)
{
	if (!prep_is_plain(text, PREP_LOCAL))
		return prepare(NEW_LOCAL, out, text, arena);
	*out = text;
	return 0;
}

int cpl_prepare_domain(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena)
{
	if (!prep_is_plain_domain(text))
		return prepare(DOMAIN, out, text, arena);
	*out = text;
	return 0;
}

int cpl_prepare_resource(struct cpl_str *out, struct cpl_str text, struct cpl_arena *arena)
{
	if (!prep_is_plain(text, PREP_RESOURCE))
		return prepare(RESOURCE, out, text, arena);
	*out = text;
	return 0;
}

int cpl_prepare_password(struct cpl_str *out, struct cpl_str text, bool query, struct cpl_arena *arena)
{
	uint32_t codes[CODES_MAX];
	char prepared[CPL_JID_PART_MAX];
	size_t count, len = 0;
	bool good;

	/* Printable ASCII is what it is (RFC 4013 2), which is the class of a resourcepart. */
	if (prep_is_plain(text, PREP_RESOURCE)) {
		*out = text;
		return 0;
	}
	if (text.len == 0 || text.len > TEXT_MAX || !cpl_str_is_utf8(text))
		return CPL_E_INVALID;
	count = decode(text, codes);
	good = stringprep_4i(codes, &count, CODES_MAX, query ? 0 : STRINGPREP_NO_UNASSIGNED,
			     stringprep_saslprep) == STRINGPREP_OK &&
	       encode(codes, count, prepared, sizeof prepared, &len) && len;
	if (good)
		*out = cpl_arena_copy(arena, (struct cpl_str){prepared, len});
	explicit_bzero(codes, sizeof codes);
	explicit_bzero(prepared, sizeof prepared);
	return good ? 0 : CPL_E_INVALID;
}

bool cpl_is_domain(struct cpl_str text)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_str prepared;
	bool same = cpl_prepare_domain(&prepared, text, arena) == 0 && cpl_str_equal(prepared, text);

	cpl_arena_destroy(&arena);
	return same;
}
