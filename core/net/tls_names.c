/* SPDX-License-Identifier: MIT */
/* Names in certificates and in SNI. */
#include "core/net/tls_names.h"
#include <couplet/memory.h>
#include <idn-free.h>
#include <idna.h>
#include <strings.h>

void tls_names_lower(char *to, const char *from, size_t len)
{
	for (size_t at = 0; at < len; at++)
		to[at] = from[at] >= 'A' && from[at] <= 'Z' ? (char)(from[at] + 'a' - 'A') : from[at];
}

char *tls_names_ascii(struct cpl_str name)
{
	char *copy = cpl_strdup(name);
	char *ascii = NULL;
	char *result = NULL;

	if (idna_to_ascii_8z(copy, &ascii, 0) == IDNA_SUCCESS && ascii) {
		result = cpl_strdup(cpl_str_of(ascii));
		tls_names_lower(result, result, strlen(result));
	}
	/* libidn has its own allocator. */
	idn_free(ascii);
	cpl_free(copy);
	return result;
}

static bool same(const ASN1_STRING *string, const char *prefix, struct cpl_str name)
{
	const char *text = (const char *)ASN1_STRING_get0_data(string);
	size_t len = (size_t)ASN1_STRING_length(string);
	size_t skip = strlen(prefix);

	return len == skip + name.len && memcmp(text, prefix, skip) == 0 &&
	       strncasecmp(text + skip, name.ptr, name.len) == 0;
}

static bool other_name_names(const OTHERNAME *other, struct cpl_str ascii, struct cpl_str host)
{
	int kind = OBJ_obj2nid(other->type_id);
	const ASN1_STRING *string;

	if (kind == NID_SRVName && other->value->type == V_ASN1_IA5STRING) {
		string = other->value->value.ia5string;
		return same(string, "_xmpp-client.", ascii) || same(string, "_xmpp-server.", ascii);
	}
	if (kind == NID_XmppAddr && other->value->type == V_ASN1_UTF8STRING)
		return same(other->value->value.utf8string, "", host);
	return false;
}

bool tls_names_certificate_names(X509 *certificate, struct cpl_str host)
{
	char *ascii = tls_names_ascii(host);
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	if (ascii)
		found = X509_check_host(certificate, ascii, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) ==
			1;
	for (int at = 0; ascii && !found && at < sk_GENERAL_NAME_num(names); at++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, at);

		found = name->type == GEN_OTHERNAME &&
			other_name_names(name->d.otherName, cpl_str_of(ascii), host);
	}
	GENERAL_NAMES_free(names);
	cpl_free(ascii);
	return found;
}
