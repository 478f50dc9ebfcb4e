/* SPDX-License-Identifier: MIT */
/*
 * coupletctl check, cert check and cert import: what is wrong with a server before anybody notices, and the line to write. They run in a process of their own (couplet --offline
 * check ...), look, and change nothing but what cert import installs; they need no lock, and the server may run meanwhile. What they find goes to coupletctl as frames
 * over the standard input, a stream socket.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "core/server.h"

#include <openssl/x509.h>
#include <sys/types.h>

enum check_result { CHECK_OK, CHECK_WARNING, CHECK_WRONG };

/* How many days before its end a certificate is warned of, and what a resolver has for an answer. */
enum { CHECK_DAYS = 14, CHECK_DNS_MS = 2000 };

struct check {
	const char *path;        /* of the configuration */
	struct config *config;   /* what could be read of it; NULL: nothing */
	const char *resolver;    /* ADDRESS:PORT in place of the system's; NULL */
	uid_t uid;               /* the server's user */
	gid_t gid;
	const char *user;        /* its name */
	pid_t running;           /* the server's process; 0: it does not run */
	unsigned wrong, warnings;
};

/* Runs the words of coupletctl ("check", "cert" "check" ...). The exit code: 1 when something is wrong, 2 for other words. */
int check_run(const struct server_options *options, int argc, char **argv);

/* One finding. `remedy` is what to do or to write; NULL when nothing is. */
void check_say(struct check *check, enum check_result result, const char *subject, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* ---- check_system.c: limits, clock, folders and files ---- */
void check_system(struct check *check);

/* ---- check_ports.c ---- */
void check_ports(struct check *check);

/* ---- check_dns.c ---- */
void check_dns(struct check *check);

/* ---- check_certificate.c ---- */

/* A certificate, the others of its file, and the key; any may be NULL. */
struct check_pem {
	X509 *certificate;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
	bool certificate_there, key_there; /* the files could be read */
};
void check_pem_read(struct check_pem *pem, const char *certificate, const char *key);
void check_pem_finish(struct check_pem *pem);
/* Says what is wrong with it for a host; true when nothing is. `certificate` and `key` are its paths for the texts. */
bool check_pem(struct check *check, const struct check_pem *pem, const struct config_host *host, const char *certificate, const char *key);
/* All hosts, or the one. */
void check_certificates(struct check *check, const struct config_host *only);

/* ---- cert_import.c ---- */

/* Finds certificates in the folder and installs them; rows of their own. False: something is wrong. */
struct import_row {
	const char *host, *result, *from, *to;
};
bool cert_import(struct check *check, const char *folder, const struct config_host *only, bool dry, void (*tell)(const struct import_row *row));

#endif
