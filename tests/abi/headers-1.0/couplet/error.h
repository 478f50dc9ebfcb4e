/* SPDX-License-Identifier: MIT */
/*
 * Errors are values: a negative code, and where a person will read it a struct cpl_error that says what,
 * where and what to do.
 */
#ifndef COUPLET_ERROR_H
#define COUPLET_ERROR_H

#include <stdarg.h>

#pragma GCC visibility push(default)

/*
 * Codes of this enum are append-only. Functions return 0 (or a count) for success and one of these for
 * failure.
 */
enum cpl_code {
	CPL_OK = 0,
	CPL_E_INVALID = -1,	 /* the arguments or the data are wrong */
	CPL_E_NOT_FOUND = -2,	 /* no such account, row, host, module ... */
	CPL_E_EXISTS = -3,	 /* it is there already */
	CPL_E_DENIED = -4,	 /* not permitted */
	CPL_E_FULL = -5,	 /* a bound, a quota or the disk is full */
	CPL_E_IO = -6,		 /* the system refused: file, socket, database */
	CPL_E_CANCELLED = -7,	 /* the caller cancelled, or its scope or module ended */
	CPL_E_TIMEOUT = -8,	 /* no answer in time */
	CPL_E_STOPPING = -9,	 /* the server or the module is going away: nothing new is started */
	CPL_E_BUSY = -10,	 /* try again later */
	CPL_E_UNSUPPORTED = -11, /* not provided by this build, driver or peer */
	CPL_E_CONFLICT = -12,	 /* two claims to the same thing */
	CPL_E_CORRUPT = -13,	 /* stored data does not make sense */
	CPL_E_REFUSED = -14,	 /* a peer answered with an error */
};

/* One line of text for a code, for logs. Never NULL; static. */
const char *cpl_code_text(int code);

/* An error for a person. text is a whole sentence without a full stop, NUL-terminated, cut at the size. */
struct cpl_error {
	int code;
	char text[508];
};

/*
 * Fills *error (which may be NULL) and returns the code, so that "return cpl_fail(error, CPL_E_IO, ...)"
 * reads well.
 */
int cpl_fail(struct cpl_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#pragma GCC visibility pop

#endif
