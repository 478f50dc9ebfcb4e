/* SPDX-License-Identifier: MIT */
/* Self-signed certificates for a start and for tests: ECDSA P-256, subjectAltName only the host (RFC 6125, 6.4: what clients compare). */
#ifndef CORE_ADMIN_CERTIFICATE_H
#define CORE_ADMIN_CERTIFICATE_H

#include <couplet/error.h>
#include <couplet/str.h>

#define CERTIFICATE_DAYS 3650

/*
 * Makes a key and a certificate for `host` (prepared; an internationalised name goes into the certificate in its ASCII form, an address literal as an address) and writes
 * both into one new PEM file of mode 0600. An existing file is never touched (CPL_E_EXISTS). Run as root, the file is given to `user` (NULL: stays root's).
 */
int certificate_generate(struct cpl_str host, const char *path, const char *user, struct cpl_error *error);

#endif
