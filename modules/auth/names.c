/* SPDX-License-Identifier: MIT */
/* The element names of SASL. */
#include "modules/auth/names.h"

#include "modules/auth/auth.h"

#define NS_SASL	    "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BINDINGS "urn:xmpp:sasl-cb:0"

struct cpl_name sasl_mechanisms = {NS_SASL, "mechanisms", 0, 0};
struct cpl_name sasl_mechanism = {NS_SASL, "mechanism", 0, 0};
struct cpl_name sasl_auth = {NS_SASL, "auth", 0, 0};
struct cpl_name sasl_challenge = {NS_SASL, "challenge", 0, 0};
struct cpl_name sasl_response = {NS_SASL, "response", 0, 0};
struct cpl_name sasl_abort = {NS_SASL, "abort", 0, 0};
struct cpl_name sasl_success = {NS_SASL, "success", 0, 0};
struct cpl_name sasl_failure = {NS_SASL, "failure", 0, 0};
struct cpl_name sasl_text = {NS_SASL, "text", 0, 0};
struct cpl_name sasl_channel_bindings = {NS_BINDINGS, "sasl-channel-binding", 0, 0};
struct cpl_name sasl_channel_binding = {NS_BINDINGS, "channel-binding", 0, 0};

struct cpl_name *const auth_names[] = {&sasl_mechanisms,       &sasl_mechanism,	      &sasl_auth,
				       &sasl_challenge,	       &sasl_response,	      &sasl_abort,
				       &sasl_success,	       &sasl_failure,	      &sasl_text,
				       &sasl_channel_bindings, &sasl_channel_binding, &auth_pie_credentials,
				       &auth_pie_iterations,   &auth_pie_salt,	      &auth_pie_server_key,
				       &auth_pie_stored_key,   NULL};
