/* SPDX-License-Identifier: MIT */
/* The element names of SASL (RFC 6120 section 6, XEP-0440), filled in by the core through auth_names. */
#ifndef MODULES_AUTH_NAMES_H
#define MODULES_AUTH_NAMES_H

#include <couplet/stanza.h>

extern struct cpl_name sasl_mechanisms, sasl_mechanism, sasl_auth, sasl_challenge, sasl_response, sasl_abort,
	sasl_success, sasl_failure, sasl_text, sasl_channel_bindings, sasl_channel_binding;

/* Those of XEP-0227: transfer.c. */
extern struct cpl_name auth_pie_credentials, auth_pie_iterations, auth_pie_salt, auth_pie_server_key, auth_pie_stored_key;

#endif
