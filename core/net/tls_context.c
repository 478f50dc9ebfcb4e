/* SPDX-License-Identifier: MIT */
/* Snapshots of certificates: one SSL_CTX a host, found by server name. */
#include "core/net/tls_context.h"
#include "core/net/tls_kdf.h"
#include "core/net/tls_names.h"
#include "core/net/tls_tickets.h"
#include <assert.h>
#include <couplet/map.h>
#include <couplet/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <unistd.h>

/* Forward secrecy and authenticated encryption only; TLS 1.3 has its own list. */
#define DEFAULT_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
/* The suite that RFC 8446 9.1 makes mandatory first: its SHA-256 costs a handshake 18 us less than SHA-384, for keys as strong as X25519 and P-256 are. */
#define DEFAULT_SUITES	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS		"X25519:P-256:X448:P-384:P-521"

struct entry {
	char *name;	  /* as configured, lower case */
	char *ascii;	  /* as SNI has it (RFC 6066 3) */
	SSL_CTX *context; /* NULL: not served */
};

struct tls_contexts {
	unsigned refs; /* session thread */
	bool unique_tls13;
	SSL_CTX *first;
	struct cpl_map by_name; /* both forms of the name; never changes once built */
	size_t count;
	struct entry entries[];
};

struct build {
	const struct tls_host *hosts;
	size_t count;
	const struct tls_settings *settings;
	void (*report)(void *data, size_t host, bool fatal, const char *text);
	void *data;
	bool failed;
};

static struct tls_contexts *current;
static _Thread_local const struct tls_choice *chosen;

__attribute__((format(printf, 4, 5))) static void say(struct build *build, size_t host, bool fatal,
						      const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	build->failed |= fatal;
	build->report(build->data, host, fatal, text);
}

/* The oldest error that OpenSSL has queued, for a person; the queue is emptied. */
static const char *openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_get_error());

	ERR_clear_error();
	return reason ? reason : "unknown reason";
}

/* ---- callbacks of a handshake, on a worker ---- */

void tls_contexts_choose(const struct tls_choice *choice)
{
	chosen = choice;
}

static SSL_CTX *context_for(const struct tls_contexts *contexts, struct cpl_str server_name)
{
	char lower[256];
	size_t len = server_name.len;
	const struct entry *entry;

	if (len && server_name.ptr[len - 1] == '.')
		len--;
	if (!len || len >= sizeof(lower))
		return NULL;
	tls_names_lower(lower, server_name.ptr, len);
	entry = cpl_map_get(&contexts->by_name, (struct cpl_str){lower, len});
	return entry ? entry->context : NULL;
}

/* The name in the extension of RFC 6066 3: a list, of which we know one kind of entry. CPL_NONE: there is none. */
static struct cpl_str server_name_of(SSL *ssl)
{
	enum { HOST_NAME = 0, BEFORE_NAME = 5 };
	const unsigned char *bytes;
	size_t size, len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1 || size < BEFORE_NAME || bytes[2] != HOST_NAME)
		return CPL_NONE;
	len = (size_t)bytes[3] << 8 | bytes[4];
	return len <= size - BEFORE_NAME ? (struct cpl_str){(const char *)bytes + BEFORE_NAME, len} : CPL_NONE;
}

/* Before OpenSSL looks at a ticket, so that it is held against this host's certificate. */
static int choose_host(SSL *ssl, int *alert, void *unused)
{
	struct cpl_str name = server_name_of(ssl);
	SSL_CTX *context = name.ptr ? context_for(chosen->contexts, name) : NULL;

	/* An unknown name is not refused: the client judges the certificate it gets. */
	if (context)
		SSL_set_SSL_CTX(ssl, context);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* Whether the name is told to be known. The version is, too, by now. */
static int confirm_host(SSL *ssl, int *alert, void *unused)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (SSL_version(ssl) < TLS1_3_VERSION)
		SSL_set_options(ssl, SSL_OP_NO_TICKET);
	return name && context_for(chosen->contexts, cpl_str_of(name)) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
			   const unsigned char *in, unsigned in_len, void *unused)
{
	size_t wanted = chosen->alpn ? strlen(chosen->alpn) : 0;

	if (!wanted)
		return SSL_TLSEXT_ERR_NOACK;
	for (unsigned at = 0; at < in_len && in[at] < in_len - at; at += 1U + in[at]) {
		if (in[at] != wanted || memcmp(in + at + 1, chosen->alpn, wanted) != 0)
			continue;
		*out = in + at + 1;
		*out_len = in[at];
		return SSL_TLSEXT_ERR_OK;
	}
	/* RFC 7301 3.2: no_application_protocol. */
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- building ---- */

/* Nobody is there to type a passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *unused)
{
	return 0;
}

static bool readable(struct build *build, size_t host, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		say(build, host, true, "cannot read %s: %s", path, strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static bool load_certificate(struct build *build, size_t host, SSL_CTX *context)
{
	const char *certificate = build->hosts[host].certificate;
	const char *key = build->hosts[host].key ? build->hosts[host].key : certificate;

	if (!readable(build, host, certificate) || (key != certificate && !readable(build, host, key)))
		return false;
	if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
		say(build, host, true, "%s has no usable certificate: %s", certificate, openssl_reason());
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
		unsigned long error = ERR_peek_error();

		if (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH)
			say(build, host, true,
			    "the private key in %s is not the one of the certificate in %s", key,
			    certificate);
		else
			say(build, host, true, "%s has no usable private key (it must not be encrypted): %s",
			    key,
			    ERR_reason_error_string(error) ? ERR_reason_error_string(error)
							   : "unknown reason");
		ERR_clear_error();
		return false;
	}
	return true;
}

static void check_certificate(struct build *build, size_t host, X509 *certificate)
{
	const char *path = build->hosts[host].certificate;

	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
		say(build, host, false, "the certificate in %s has expired", path);
	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		say(build, host, false, "the certificate in %s is not valid yet", path);
	if (!tls_names_certificate_names(certificate, build->hosts[host].name))
		say(build, host, false, "the certificate in %s does not name %.*s", path,
		    CPL_ARG(build->hosts[host].name));
}

/* One ticket a connection, each of which costs 25 us; no cache. */
static void set_up_tickets(SSL_CTX *context, int64_t lifetime_ms)
{
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context, lifetime_ms > 0);
	if (lifetime_ms <= 0) {
		SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
		return;
	}
	SSL_CTX_set_timeout(context, (long)(lifetime_ms / 1000));
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, tls_tickets_key);
}

/* What a ticket has to be of: a resumed session has this certificate's tls-server-end-point, and a client should see when it is replaced. */
static bool bind_tickets(SSL_CTX *context, const char *host)
{
	unsigned char fingerprint[EVP_MAX_MD_SIZE], id[EVP_MAX_MD_SIZE];
	unsigned len = 0, id_len = 0;
	struct cpl_buf text = {0};
	bool done;

	if (X509_digest(SSL_CTX_get0_certificate(context), EVP_sha256(), fingerprint, &len) != 1)
		return false;
	cpl_buf_add(&text, (struct cpl_str){(const char *)fingerprint, len});
	cpl_buf_add(&text, cpl_str_of(host));
	done = EVP_Digest(text.ptr, text.len, id, &id_len, EVP_sha256(), NULL) == 1 && SSL_CTX_set_session_id_context(context, id, id_len) == 1;
	cpl_buf_finish(&text);
	return done;
}

static bool has_suite(SSL_CTX *context, struct cpl_str name)
{
	const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(context);

	for (int i = 0; i < sk_SSL_CIPHER_num(all); i++)
		if (cpl_str_is(name, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i))))
			return true;
	return false;
}

/* OpenSSL passes over names that it does not know. */
static bool set_suites(struct build *build, SSL_CTX *context, struct cpl_str names)
{
	int result = SSL_CTX_set_ciphersuites(context, names.ptr);
	struct cpl_str name;

	ERR_clear_error();
	while (cpl_str_split(&names, ':', &name)) {
		if (result == 1 && has_suite(context, name))
			continue;
		say(build, build->count, true, "no cipher suite of TLS 1.3 is called \"%.*s\"; there are TLS_AES_128_GCM_SHA256, "
		    "TLS_AES_256_GCM_SHA384 and TLS_CHACHA20_POLY1305_SHA256", CPL_ARG(name));
		return false;
	}
	return true;
}

/* What all contexts have in common. */
static bool set_up(struct build *build, SSL_CTX *context)
{
	const struct tls_settings *settings = build->settings;
	const char *ciphers = settings->ciphers && *settings->ciphers ? settings->ciphers : DEFAULT_CIPHERS;
	const char *suites = settings->suites && *settings->suites ? settings->suites : DEFAULT_SUITES;
	int version = strcmp(settings->min_version, "TLSv1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;

	if (version == TLS1_2_VERSION && strcmp(settings->min_version, "TLSv1.2") != 0) {
		say(build, build->count, true, "the lowest TLS version must be TLSv1.2 or TLSv1.3, not %s",
		    settings->min_version);
		return false;
	}
	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* The chain is what the file has; OpenSSL would look for more, where there is nothing, in each handshake. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	set_up_tickets(context, settings->tickets_ms);
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	SSL_CTX_set_client_hello_cb(context, choose_host, NULL);
	SSL_CTX_set_tlsext_servername_callback(context, confirm_host);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
	if (SSL_CTX_set_cipher_list(context, ciphers) != 1) {
		say(build, build->count, true, "no cipher of TLS 1.2 is known in \"%s\"", ciphers);
		ERR_clear_error();
		return false;
	}
	if (!set_suites(build, context, cpl_str_of(suites)))
		return false;
	return SSL_CTX_set1_groups_list(context, GROUPS) == 1;
}

static SSL_CTX *make_context(struct build *build, size_t host, const char *name)
{
	SSL_CTX *context = SSL_CTX_new_ex(NULL, tls_kdf_query(), TLS_server_method());

	if (!context) {
		say(build, build->count, true, "OpenSSL makes no context: %s", openssl_reason());
		return NULL;
	}
	if (set_up(build, context) && load_certificate(build, host, context) && bind_tickets(context, name)) {
		check_certificate(build, host, SSL_CTX_get0_certificate(context));
		return context;
	}
	SSL_CTX_free(context);
	return NULL;
}

/* The context of the nearest parent domain that brought a certificate. */
static SSL_CTX *inherited(const struct tls_contexts *contexts, const struct build *build, struct cpl_str name)
{
	ptrdiff_t dot;

	while ((dot = cpl_str_find(name, '.')) >= 0) {
		const struct entry *parent;

		name = (struct cpl_str){name.ptr + dot + 1, name.len - (size_t)dot - 1};
		parent = cpl_map_get(&contexts->by_name, name);
		if (parent && build->hosts[parent - contexts->entries].certificate)
			return parent->context;
	}
	return NULL;
}

static void destroy(struct tls_contexts *contexts)
{
	for (size_t at = 0; at < contexts->count; at++) {
		cpl_free(contexts->entries[at].name);
		cpl_free(contexts->entries[at].ascii);
		SSL_CTX_free(contexts->entries[at].context);
	}
	cpl_map_finish(&contexts->by_name);
	cpl_free(contexts);
}

struct tls_contexts *
tls_contexts_create(const struct tls_host *hosts, size_t count, const struct tls_settings *settings,
		    void (*report)(void *data, size_t host, bool fatal, const char *text), void *data)
{
	struct build build = {
		.hosts = hosts, .count = count, .settings = settings, .report = report, .data = data};
	struct tls_contexts *contexts = cpl_alloc(sizeof(*contexts) + count * sizeof(contexts->entries[0]));

	contexts->refs = 1;
	contexts->unique_tls13 = settings->unique_tls13;
	contexts->count = count;
	for (size_t at = 0; at < count; at++) {
		struct entry *entry = &contexts->entries[at];

		entry->name = cpl_strdup(hosts[at].name);
		tls_names_lower(entry->name, entry->name, hosts[at].name.len);
		entry->ascii = tls_names_ascii(hosts[at].name);
		cpl_map_put(&contexts->by_name, cpl_str_of(entry->name), entry);
		if (entry->ascii)
			cpl_map_put(&contexts->by_name, cpl_str_of(entry->ascii), entry);
		if (hosts[at].certificate)
			entry->context = make_context(&build, at, entry->name);
	}
	for (size_t at = 0; at < count; at++) {
		struct entry *entry = &contexts->entries[at];

		if (!hosts[at].certificate) {
			entry->context = inherited(contexts, &build, cpl_str_of(entry->name));
			if (entry->context)
				SSL_CTX_up_ref(entry->context);
		}
		if (!contexts->first)
			contexts->first = entry->context;
	}
	if (!build.failed)
		return contexts;
	destroy(contexts);
	return NULL;
}

struct tls_contexts *tls_contexts_ref(struct tls_contexts *contexts)
{
	contexts->refs++;
	return contexts;
}

void tls_contexts_unref(struct tls_contexts **contexts)
{
	struct tls_contexts *dropped = *contexts;

	*contexts = NULL;
	if (!dropped)
		return;
	assert(dropped->refs > 0);
	if (--dropped->refs == 0)
		destroy(dropped);
}

void tls_contexts_install(struct tls_contexts *contexts)
{
	tls_contexts_unref(&current);
	current = contexts;
}

struct tls_contexts *tls_contexts_current(void)
{
	return current;
}

bool tls_contexts_serves(const struct tls_contexts *contexts, struct cpl_str host)
{
	const struct entry *entry = contexts ? cpl_map_get(&contexts->by_name, host) : NULL;

	return entry && entry->context;
}

void tls_contexts_describe(const struct tls_contexts *contexts, struct cpl_str host, struct cpl_buf *out)
{
	const struct entry *entry = contexts ? cpl_map_get(&contexts->by_name, host) : NULL;
	X509 *certificate = entry && entry->context ? SSL_CTX_get0_certificate(entry->context) : NULL;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct tm until;

	if (!certificate || !X509_digest(certificate, EVP_sha256(), digest, &len) ||
	    !ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until))
		return;
	cpl_buf_addf(out, "until %04d-%02d-%02d, SHA-256 ", until.tm_year + 1900, until.tm_mon + 1, until.tm_mday);
	for (unsigned i = 0; i < 8; i++)
		cpl_buf_addf(out, "%02X%s", digest[i], i < 7 ? ":" : "...");
}

SSL_CTX *tls_contexts_default(const struct tls_contexts *contexts)
{
	return contexts->first;
}

bool tls_contexts_unique_tls13(const struct tls_contexts *contexts)
{
	return contexts->unique_tls13;
}
