/* SPDX-License-Identifier: MIT */
/* Certificates as certbot and lego leave them, to where the configuration says. */
#include "core/check.h"

#include "core/net/tls_names.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_LARGEST = 1024 * 1024 };

/* Where a certificate of a name may lie: certificate and key, with %s for folder and name. */
static const struct place {
	const char *certificate, *key;
} places[] = {
	{"%s/live/%s/fullchain.pem", "%s/live/%s/privkey.pem"},   /* certbot: /etc/letsencrypt */
	{"%s/%s/fullchain.pem", "%s/%s/privkey.pem"},		  /* its folder live, or a copy */
	{"%s/certificates/%s.crt", "%s/certificates/%s.key"},	  /* lego: ~/.lego */
	{"%s/%s.crt", "%s/%s.key"},				  /* its folder certificates */
};

struct found {
	char *certificate, *key;
};

static char *path_in(const char *format, const char *folder, const char *name)
{
	struct cpl_buf path = {0};
	const char *first = strstr(format, "%s"), *second = strstr(first + 2, "%s");

	cpl_buf_add(&path, cpl_str_of(folder));
	cpl_buf_add(&path, (struct cpl_str){first + 2, (size_t)(second - first - 2)});
	cpl_buf_add(&path, cpl_str_of(name));
	cpl_buf_add(&path, cpl_str_of(second + 2));
	return cpl_buf_take(&path);
}

static bool find_as(struct found *found, const char *folder, const char *name, struct cpl_str host)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct check_pem pem;
		bool fits;

		found->certificate = path_in(places[i].certificate, folder, name);
		found->key = path_in(places[i].key, folder, name);
		check_pem_read(&pem, found->certificate, found->key);
		fits = pem.certificate && tls_names_certificate_names(pem.certificate, host);
		/* What lies under the host's own name is meant for it, and is judged. */
		fits = fits || (pem.certificate_there && cpl_str_is(host, name));
		check_pem_finish(&pem);
		if (fits)
			return true;
		CPL_FREE(found->certificate);
		CPL_FREE(found->key);
	}
	return false;
}

/* By the host's name, then as a wildcard or another name of the domains above it. */
static bool find(struct found *found, const char *folder, struct cpl_str host)
{
	char *ascii = tls_names_ascii(host), *star;
	bool good = ascii && find_as(found, folder, ascii, host);

	for (const char *above = ascii; !good && above && (above = strchr(above, '.')); ) {
		above++;
		star = cpl_asprintf("_.%s", above);
		good = find_as(found, folder, star, host) || find_as(found, folder, above, host);
		cpl_free(star);
	}
	cpl_free(ascii);
	return good;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = cpl_alloc(FILE_LARGEST + 1);

	*len = file ? fread(text, 1, FILE_LARGEST, file) : 0;
	if (file)
		fclose(file);
	return text;
}

static bool is_same(const char *path, const char *bytes, size_t len)
{
	size_t there_len;
	char *there = read_file(path, &there_len);
	bool same = there_len == len && memcmp(there, bytes, len) == 0;

	cpl_free_secret(there);
	return same;
}

/* Whole or not at all: beside it, then renamed. 0 or errno. */
static int install(const struct check *check, const char *path, mode_t mode, const char *bytes, size_t len)
{
	char *beside = cpl_asprintf("%s.new", path);
	int fd, reason = 0;

	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || (geteuid() == 0 && fchown(fd, check->uid, check->gid) != 0) || fchmod(fd, mode) != 0 ||
	    fsync(fd) != 0 || rename(beside, path) != 0)
		reason = errno ? errno : EIO;
	if (fd >= 0)
		close(fd);
	if (reason)
		unlink(beside);
	cpl_free(beside);
	return reason;
}

/* One file with key and chain, or two where the configuration has key:. 0, or errno; *changed tells whether there was anything to do. */
static int install_both(const struct check *check, const struct config_host *host, const struct found *found, bool dry, bool *changed)
{
	size_t chain_len, key_len;
	char *chain = read_file(found->certificate, &chain_len), *key = read_file(found->key, &key_len), *both;
	int reason = 0;

	if (host->key.ptr && !cpl_str_equal(host->key, host->certificate)) {
		*changed = !is_same(host->certificate.ptr, chain, chain_len) || !is_same(host->key.ptr, key, key_len);
		if (*changed && !dry)
			reason = install(check, host->key.ptr, 0600, key, key_len);
		if (*changed && !dry && !reason)
			reason = install(check, host->certificate.ptr, 0644, chain, chain_len);
	} else {
		both = cpl_alloc(key_len + chain_len + 1);
		memcpy(both, key, key_len);
		memcpy(both + key_len, chain, chain_len);
		*changed = !is_same(host->certificate.ptr, both, key_len + chain_len);
		if (*changed && !dry)
			reason = install(check, host->certificate.ptr, 0600, both, key_len + chain_len);
		cpl_free_secret(both);
	}
	cpl_free(chain);
	cpl_free_secret(key);
	return reason;
}

/* Why it cannot be installed, or NULL; the reasons are those of cert check. */
static const char *judge(const struct config_host *host, const struct found *found)
{
	struct check_pem pem;
	const char *fault = NULL;

	check_pem_read(&pem, found->certificate, found->key);
	if (!pem.certificate)
		fault = "holds no certificate";
	else if (!pem.key)
		fault = "has no key beside it";
	else if (X509_check_private_key(pem.certificate, pem.key) != 1)
		fault = "has the key of another certificate";
	else if (X509_cmp_current_time(X509_get0_notAfter(pem.certificate)) < 0)
		fault = "has expired";
	else if (X509_cmp_current_time(X509_get0_notBefore(pem.certificate)) > 0)
		fault = "is not valid yet";
	else if (!tls_names_certificate_names(pem.certificate, host->name))
		fault = "is for another name";
	check_pem_finish(&pem);
	return fault;
}

static bool import_host(struct check *check, const char *folder, const struct config_host *host, bool dry, void (*tell)(const struct import_row *row))
{
	char *name = cpl_strdup(host->name), *result = NULL;
	struct import_row row = {.host = name, .to = host->certificate.ptr};
	struct found found = {0};
	bool changed = false, good = false;
	const char *fault;
	int reason;

	if (!host->certificate.ptr) {
		row.result = "the host has no certificate: in the configuration, which would say where to";
	} else if (!find(&found, folder, host->name)) {
		row.result = "nothing found";
	} else if ((fault = judge(host, &found))) {
		row.result = fault;
	} else if ((reason = install_both(check, host, &found, dry, &changed))) {
		row.result = result = cpl_asprintf("cannot be written: %s", strerror(reason));
	} else {
		row.result = !changed ? "unchanged" : dry ? "would be installed" : "installed";
		good = true;
	}
	row.from = found.certificate;
	tell(&row);
	cpl_free(result);
	cpl_free(found.certificate);
	cpl_free(found.key);
	cpl_free(name);
	return good;
}

bool cert_import(struct check *check, const char *folder, const struct config_host *only, bool dry, void (*tell)(const struct import_row *row))
{
	bool good = true;

	for (size_t i = 0; i < check->config->host_count; i++) {
		const struct config_host *host = &check->config->hosts[i];

		/* A component's host without a certificate of its own wants none. */
		if (only ? only == host : host->certificate.ptr || !host->component.ptr)
			good = import_host(check, folder, host, dry, tell) && good;
	}
	return good;
}
