/* SPDX-License-Identifier: MIT */
/* The TLS service, version 1: what others must know of the policy of a host. The bundled provider is the
 * module tls. */
#ifndef COUPLET_SERVICE_TLS_H
#define COUPLET_SERVICE_TLS_H

#include <couplet/service.h>

struct cpl_tls_service {
	size_t size;
	/* True when clients of the host may authenticate only on a secure connection. Where nobody provides
	 * this service, callers assume true. */
	bool (*required)(struct cpl_module *provider, struct cpl_host *host);
};

#endif
