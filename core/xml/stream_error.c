/* SPDX-License-Identifier: MIT */
/* Names of the stream error conditions (RFC 6120 4.9.3). */
#include <couplet/conn.h>

const char *cpl_stream_error_name(enum cpl_stream_error condition)
{
	static const char *const names[] = {
		[CPL_STREAM_OK] = "",
		[CPL_STREAM_BAD_FORMAT] = "bad-format",
		[CPL_STREAM_BAD_NAMESPACE_PREFIX] = "bad-namespace-prefix",
		[CPL_STREAM_CONFLICT] = "conflict",
		[CPL_STREAM_CONNECTION_TIMEOUT] = "connection-timeout",
		[CPL_STREAM_HOST_GONE] = "host-gone",
		[CPL_STREAM_HOST_UNKNOWN] = "host-unknown",
		[CPL_STREAM_IMPROPER_ADDRESSING] = "improper-addressing",
		[CPL_STREAM_INTERNAL_SERVER_ERROR] = "internal-server-error",
		[CPL_STREAM_INVALID_FROM] = "invalid-from",
		[CPL_STREAM_INVALID_NAMESPACE] = "invalid-namespace",
		[CPL_STREAM_INVALID_XML] = "invalid-xml",
		[CPL_STREAM_NOT_AUTHORIZED] = "not-authorized",
		[CPL_STREAM_NOT_WELL_FORMED] = "not-well-formed",
		[CPL_STREAM_POLICY_VIOLATION] = "policy-violation",
		[CPL_STREAM_REMOTE_CONNECTION_FAILED] = "remote-connection-failed",
		[CPL_STREAM_RESET] = "reset",
		[CPL_STREAM_RESOURCE_CONSTRAINT] = "resource-constraint",
		[CPL_STREAM_RESTRICTED_XML] = "restricted-xml",
		[CPL_STREAM_SEE_OTHER_HOST] = "see-other-host",
		[CPL_STREAM_SYSTEM_SHUTDOWN] = "system-shutdown",
		[CPL_STREAM_UNDEFINED_CONDITION] = "undefined-condition",
		[CPL_STREAM_UNSUPPORTED_ENCODING] = "unsupported-encoding",
		[CPL_STREAM_UNSUPPORTED_FEATURE] = "unsupported-feature",
		[CPL_STREAM_UNSUPPORTED_STANZA_TYPE] = "unsupported-stanza-type",
		[CPL_STREAM_UNSUPPORTED_VERSION] = "unsupported-version",
	};

	return names[condition];
}
