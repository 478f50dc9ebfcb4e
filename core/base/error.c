/* SPDX-License-Identifier: MIT */
/* Error codes and the error for a person. */
#include <couplet/error.h>
#include <couplet/str.h>

#include <stdio.h>

const char *cpl_code_text(int code)
{
	static const char *const texts[] = {
		[CPL_OK] = "success",
		[-CPL_E_INVALID] = "invalid",
		[-CPL_E_NOT_FOUND] = "not found",
		[-CPL_E_EXISTS] = "exists already",
		[-CPL_E_DENIED] = "not permitted",
		[-CPL_E_FULL] = "full",
		[-CPL_E_IO] = "input or output failed",
		[-CPL_E_CANCELLED] = "cancelled",
		[-CPL_E_TIMEOUT] = "timed out",
		[-CPL_E_STOPPING] = "stopping",
		[-CPL_E_BUSY] = "busy",
		[-CPL_E_UNSUPPORTED] = "not supported",
		[-CPL_E_CONFLICT] = "conflict",
		[-CPL_E_CORRUPT] = "corrupt",
		[-CPL_E_REFUSED] = "refused by the peer",
	};

	/* Counts are success too. */
	if (code > 0)
		code = CPL_OK;
	if (code < -(int)(sizeof(texts) / sizeof(texts[0]) - 1))
		return "unknown error";
	return texts[-code];
}

int cpl_fail(struct cpl_error *error, int code, const char *format, ...)
{
	va_list args;
	int len;

	if (!error)
		return code;
	error->code = code;
	va_start(args, format);
	len = vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	if (len >= (int)sizeof(error->text)) {
		struct cpl_str text = {error->text, sizeof(error->text) - 1};
		/* vsnprintf may have cut a sequence: take the last byte as the first that has no room. */
		size_t cut = cpl_str_utf8_cut(text, text.len - 1);

		error->text[cut] = '\0';
	}
	return code;
}
