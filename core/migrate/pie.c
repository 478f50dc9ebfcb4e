/* SPDX-License-Identifier: MIT */
/* XEP-0227 to records. */
#include "core/migrate/pie.h"

#include "core/migrate/scram.h"
#include "core/xml/lease.h"

#include <couplet/time.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define NS_PIE_SCRAM "urn:xmpp:pie:0#scram"
#define NS_XINCLUDE "http://www.w3.org/2001/XInclude"
/* As ejabberd of former years calls it. */
#define NS_OLD      "http://www.xmpp.org/extensions/xep-0227.html#ns"

enum {
	CHUNK = 64 * 1024,
	TOKEN_MAX = 1024 * 1024, /* one tag, or what expat has to see whole */
	FILES_MAX = 8,           /* that include one another */
	PATH_BYTES = 4000,
	KEY_MAX = 1000, /* bytes of a field of SCRAM keys */
};

/* What is open around the place where the reader stands. */
enum level { AT_TOP, IN_SERVER, IN_HOST, IN_USER };

struct pie {
	struct lease_frame frame; /* of the file that is read; first: it is the handlers' user data */
	struct record *record;
	enum pie_kind kind;
	enum level level;
	unsigned inside;          /* elements open below the level */
	unsigned skip;            /* elements open that are not read */
	struct cpl_buf host;
	const char *path;         /* NULL: from memory */
	unsigned files;
	unsigned in_keys;         /* elements open from <scram-credentials/> on, which is kept until it is whole */
	struct cpl_buf mechanism, keys[SCRAM_FIELDS];
	struct cpl_buf *field;    /* the one that is open; NULL: none */
	uint64_t tokens;          /* seen in all */
	char *reason;
};

static void read_file(struct pie *pie, const char *path);

static void refuse(struct pie *pie, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void refuse(struct pie *pie, const char *format, ...)
{
	struct cpl_buf text = {0};
	va_list args;

	if (pie->reason)
		return;
	cpl_buf_addf(&text, "%s:%lu: ", pie->path ? pie->path : "input", (unsigned long)XML_GetCurrentLineNumber(pie->frame.expat));
	va_start(args, format);
	cpl_buf_addv(&text, format, args);
	va_end(args);
	pie->reason = cpl_buf_take(&text);
	lease_fail(&pie->frame, CPL_STREAM_INVALID_XML);
}

/* ---- names ---- */

struct qualified {
	struct cpl_str ns, local;
};

static struct qualified split_name(const char *name)
{
	struct cpl_str text = cpl_str_of(name);
	ptrdiff_t at = cpl_str_find(text, LEASE_SEPARATOR);

	if (at < 0)
		return (struct qualified){CPL_NONE, text};
	struct cpl_str ns = {text.ptr, (size_t)at};

	if (cpl_str_is(ns, NS_OLD))
		ns = CPL_STR(PIE_NS);
	return (struct qualified){ns, {text.ptr + at + 1, text.len - (size_t)at - 1}};
}

static bool is(struct qualified name, const char *ns, const char *local)
{
	return cpl_str_is(name.ns, ns) && cpl_str_is(name.local, local);
}

static struct cpl_str attribute(const char **attributes, const char *name)
{
	for (; attributes[0]; attributes += 2)
		if (strcmp(attributes[0], name) == 0)
			return cpl_str_of(attributes[1]);
	return CPL_NONE;
}

/* ---- XInclude ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A relative reference that stays below the folder of the file, as the name of a file; false for any other. */
static bool file_of(const struct pie *pie, struct cpl_str href, struct cpl_buf *out)
{
	const char *slash = pie->path ? strrchr(pie->path, '/') : NULL;
	size_t begin;

	if (slash)
		cpl_buf_add(out, (struct cpl_str){pie->path, (size_t)(slash - pie->path) + 1});
	begin = out->len;
	for (size_t i = 0; i < href.len; i++) {
		bool encoded = href.ptr[i] == '%' && i + 2 < href.len && hex_digit(href.ptr[i + 1]) >= 0 && hex_digit(href.ptr[i + 2]) >= 0;
		char c = encoded ? (char)(hex_digit(href.ptr[i + 1]) * 16 + hex_digit(href.ptr[i + 2])) : href.ptr[i];

		if (!c || (!encoded && (c == ':' || c == '?' || c == '#')))
			return false;
		cpl_buf_add_char(out, c);
		i += encoded ? 2 : 0;
	}
	struct cpl_str rest = {out->ptr + begin, out->len - begin}, part;

	if (!rest.len || rest.ptr[0] == '/' || out->len > PATH_BYTES)
		return false;
	while (rest.len && cpl_str_split(&rest, '/', &part))
		if (cpl_str_is(part, ".."))
			return false;
	return true;
}

static void include(struct pie *pie, const char **attributes)
{
	struct cpl_str href = attribute(attributes, "href"), parse = attribute(attributes, "parse");
	struct cpl_buf path = {0};

	pie->skip = 1;
	if (!href.ptr || attribute(attributes, "xpointer").ptr || (parse.ptr && !cpl_str_is(parse, "xml")) || !pie->path)
		refuse(pie, "an <include/> that has no href, or has parse or xpointer, is not carried out");
	else if (!file_of(pie, href, &path))
		refuse(pie, "the href \"%.*s\" of an <include/> is no name of a file below this one's folder", CPL_ARG(href));
	else if (pie->files == FILES_MAX)
		refuse(pie, "files include one another more than %d deep", FILES_MAX);
	else
		read_file(pie, path.ptr);
	cpl_buf_finish(&path);
}

/* ---- elements ---- */

static void begin_user(struct pie *pie, const char **attributes)
{
	struct cpl_str name = attribute(attributes, "name"), password = attribute(attributes, "password");
	unsigned long line = XML_GetCurrentLineNumber(pie->frame.expat);
	bool keys = pie->kind == PIE_EJABBERD && cpl_str_starts(password, CPL_STR("scram:"));

	if (!name.ptr || !name.len) {
		record_fault(pie->record, "%s:%lu: a <user/> without the attribute name is left out", pie->path ? pie->path : "input", line);
		pie->skip = 1;
		return;
	}
	record_begin(pie->record, cpl_buf_str(&pie->host), name, keys || !password.len ? CPL_NONE : password, pie->path ? pie->path : "input", line);
	if (keys)
		scram_ejabberd(pie->record, password);
	pie->level = IN_USER;
	pie->inside = 0;
}

static void begin_host(struct pie *pie, const char **attributes)
{
	struct cpl_str jid = attribute(attributes, "jid");

	if (!jid.ptr || !jid.len) {
		record_fault(pie->record, "%s:%lu: a <host/> without the attribute jid is left out", pie->path ? pie->path : "input",
			     (unsigned long)XML_GetCurrentLineNumber(pie->frame.expat));
		pie->skip = 1;
		return;
	}
	cpl_buf_clear(&pie->host);
	cpl_buf_add(&pie->host, jid);
	pie->level = IN_HOST;
}

static void begin_part(struct pie *pie, struct qualified name, const char **attributes)
{
	if (!record_open(pie->record, name.ns.ptr ? name.ns : CPL_STR(""), name.local)) {
		record_fault(pie->record, "elements are nested more than %d deep: the account is left out", RECORD_DEPTH);
		record_drop(pie->record);
		pie->skip = 1 + pie->inside + 1;
		return;
	}
	pie->inside++;
	for (; attributes[0]; attributes += 2) {
		struct qualified of = split_name(attributes[0]);

		record_attribute(pie->record, of.ns, of.local, cpl_str_of(attributes[1]));
	}
}

/* ---- keys, which ejabberd wraps twice ---- */

static void forget_keys(struct pie *pie)
{
	cpl_buf_finish(&pie->mechanism);
	for (int i = 0; i < SCRAM_FIELDS; i++)
		cpl_buf_finish(&pie->keys[i]);
	pie->field = NULL;
	pie->in_keys = 0;
}

static void keys_start(struct pie *pie, struct qualified name, const char **attributes)
{
	if (pie->in_keys++ == 0)
		cpl_buf_add(&pie->mechanism, attribute(attributes, "mechanism"));
	pie->field = NULL;
	for (int i = 0; i < SCRAM_FIELDS && pie->in_keys == 2; i++)
		if (cpl_str_is(name.local, scram_fields[i]))
			pie->field = &pie->keys[i];
}

static void keys_end(struct pie *pie)
{
	struct cpl_str fields[SCRAM_FIELDS];

	pie->field = NULL;
	if (--pie->in_keys)
		return;
	for (int i = 0; i < SCRAM_FIELDS; i++)
		fields[i] = cpl_str_trim(cpl_buf_str(&pie->keys[i]));
	scram_ejabberd_fields(pie->record, cpl_buf_str(&pie->mechanism), fields);
	forget_keys(pie);
}

static void keys_text(struct pie *pie, struct cpl_str text)
{
	if (pie->field && pie->field->len + text.len <= KEY_MAX)
		cpl_buf_add(pie->field, text);
}

/* ---- what expat reports ---- */

static void on_start(void *data, const char *tag, const char **attributes)
{
	struct pie *pie = data;
	struct qualified name = split_name(tag);

	pie->tokens++;
	if (pie->frame.error)
		return;
	if (pie->skip)
		pie->skip++;
	else if (pie->in_keys || (pie->kind == PIE_EJABBERD && pie->level == IN_USER && pie->inside == 0 && is(name, NS_PIE_SCRAM, "scram-credentials")))
		keys_start(pie, name, attributes);
	else if (pie->level != AT_TOP && pie->inside == 0 && is(name, NS_XINCLUDE, "include"))
		include(pie, attributes);
	else if (pie->level == AT_TOP && is(name, PIE_NS, "server-data"))
		pie->level = IN_SERVER;
	else if (pie->level == AT_TOP)
		refuse(pie, "the file is no export in the format of XEP-0227: its root is <%.*s xmlns='%.*s'/>, not <server-data xmlns='%s'/>",
		       CPL_ARG(name.local), CPL_ARG(name.ns), PIE_NS);
	else if (pie->level == IN_SERVER && is(name, PIE_NS, "host"))
		begin_host(pie, attributes);
	else if (pie->level == IN_HOST && is(name, PIE_NS, "user"))
		begin_user(pie, attributes);
	else if (pie->level == IN_USER)
		begin_part(pie, name, attributes);
	else {
		record_note(pie->record, "%s:%lu: <%.*s xmlns='%.*s'/> is not imported", pie->path ? pie->path : "input",
			    (unsigned long)XML_GetCurrentLineNumber(pie->frame.expat), CPL_ARG(name.local), CPL_ARG(name.ns));
		pie->skip = 1;
	}
}

static void on_end(void *data, const char *tag)
{
	struct pie *pie = data;

	pie->tokens++;
	if (pie->frame.error)
		return;
	if (pie->skip) {
		pie->skip--;
		/* The account that was dropped for its depth ends here. */
		if (!pie->skip && pie->level == IN_USER && pie->record->depth == 0)
			pie->level = IN_HOST;
	} else if (pie->in_keys) {
		keys_end(pie);
	} else if (pie->level == IN_USER && pie->inside) {
		pie->inside--;
		record_close(pie->record);
	} else if (pie->level == IN_USER) {
		record_end(pie->record);
		pie->level = IN_HOST;
	} else {
		pie->level = pie->level == IN_HOST ? IN_SERVER : AT_TOP;
	}
}

static void on_text(void *data, const char *text, int len)
{
	struct pie *pie = data;

	pie->tokens++;
	/* White space between a user's elements is of no meaning. */
	if (!pie->frame.error && pie->in_keys)
		keys_text(pie, (struct cpl_str){text, (size_t)len});
	else if (!pie->frame.error && !pie->skip && pie->level == IN_USER && pie->inside)
		record_text(pie->record, (struct cpl_str){text, (size_t)len});
}

/* Comments and the like. */
static void on_other(void *data, const char *text, int len)
{
	struct pie *pie = data;

	pie->tokens++;
}

static const struct lease_handlers handlers = {on_start, on_end, on_text, NULL};

static bool open_document(struct pie *pie)
{
	if (!lease_document(&handlers, &pie->frame))
		return false;
	XML_SetDefaultHandler(pie->frame.expat, on_other);
	return true;
}

/* ---- files ---- */

/* False: there is no use in going on. */
static bool feed(struct pie *pie, const char *bytes, size_t size, bool last)
{
	enum XML_Status status = XML_Parse(pie->frame.expat, bytes, (int)size, last);

	if (pie->reason)
		return false;
	if (pie->frame.error)
		refuse(pie, "a DOCTYPE is not allowed here");
	else if (status != XML_STATUS_OK)
		refuse(pie, "%s", XML_ErrorString(XML_GetErrorCode(pie->frame.expat)));
	return !pie->reason;
}

static void read_descriptor(struct pie *pie, int fd)
{
	char *chunk = cpl_alloc(CHUNK);
	size_t waiting = 0; /* bytes since a token came to its end */
	uint64_t before;

	for (;;) {
		ssize_t got = read(fd, chunk, CHUNK);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			refuse(pie, "%s", strerror(errno));
			break;
		}
		before = pie->tokens;
		if (!feed(pie, chunk, (size_t)got, got == 0) || got == 0)
			break;
		waiting = pie->tokens == before ? waiting + (size_t)got : 0;
		if (waiting > TOKEN_MAX) {
			refuse(pie, "a tag is longer than %d bytes", TOKEN_MAX);
			break;
		}
	}
	explicit_bzero(chunk, CHUNK);
	cpl_free(chunk);
}

/* A file within a file stands where its <include/> does; its root is a child of what is open there. */
static void read_file(struct pie *pie, const char *path)
{
	struct lease_frame outer = pie->frame;
	const char *outer_path = pie->path;
	unsigned outer_skip = pie->skip;
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	pie->path = path;
	pie->skip = 0;
	pie->files++;
	if (!open_document(pie)) {
		pie->reason = cpl_strdup(CPL_STR("out of memory"));
	} else if (fd < 0) {
		struct cpl_buf text = {0};

		cpl_buf_addf(&text, "%s: %s", path, strerror(errno));
		pie->reason = cpl_buf_take(&text);
	} else {
		read_descriptor(pie, fd);
	}
	if (fd > STDIN_FILENO)
		close(fd);
	XML_ParserFree(pie->frame.expat);
	pie->frame = outer;
	pie->path = outer_path;
	pie->skip = outer_skip;
	pie->files--;
	if (pie->reason && outer.expat)
		lease_fail(&pie->frame, CPL_STREAM_INVALID_XML);
}

static void pie_end(struct pie *pie, char **reason)
{
	if (pie->reason && pie->record->depth)
		record_drop(pie->record);
	cpl_buf_finish(&pie->host);
	forget_keys(pie);
	*reason = pie->reason;
}

void pie_read_file(struct record *record, enum pie_kind kind, const char *path, char **reason)
{
	struct pie pie = {.record = record, .kind = kind};

	read_file(&pie, path);
	pie_end(&pie, reason);
}

void pie_read_bytes(struct record *record, enum pie_kind kind, struct cpl_str bytes, char **reason)
{
	struct pie pie = {.record = record, .kind = kind};

	if (open_document(&pie)) {
		/* In pieces, as from a file. */
		for (size_t at = 0; !pie.reason; at += CHUNK) {
			size_t left = bytes.len - at, size = left < CHUNK ? left : CHUNK;

			if (!feed(&pie, bytes.ptr + at, size, size == left) || size == left)
				break;
		}
		XML_ParserFree(pie.frame.expat);
	}
	pie_end(&pie, reason);
}

/* ---- one element ---- */

struct copy {
	struct lease_frame frame; /* first: it is the handlers' user data */
	struct record *record;
	struct cpl_str ns;
	void (*inside)(struct record *record, void *data);
	void *data;
	unsigned depth;
};

static void copy_start(void *data, const char *tag, const char **attributes)
{
	struct copy *copy = data;
	struct qualified name = split_name(tag);

	if (copy->frame.error)
		return;
	if (!record_open(copy->record, name.ns.ptr ? name.ns : copy->ns, name.local)) {
		lease_fail(&copy->frame, CPL_STREAM_POLICY_VIOLATION);
		return;
	}
	copy->depth++;
	for (; attributes[0]; attributes += 2) {
		struct qualified of = split_name(attributes[0]);

		record_attribute(copy->record, of.ns, of.local, cpl_str_of(attributes[1]));
	}
}

static void copy_end(void *data, const char *tag)
{
	struct copy *copy = data;

	if (copy->frame.error)
		return;
	if (--copy->depth == 0 && copy->inside)
		copy->inside(copy->record, copy->data);
	record_close(copy->record);
}

static void copy_text(void *data, const char *text, int len)
{
	struct copy *copy = data;

	if (!copy->frame.error)
		record_text(copy->record, (struct cpl_str){text, (size_t)len});
}

bool pie_copy_element(struct record *record, struct cpl_str xml, struct cpl_str ns, void (*inside)(struct record *record, void *data), void *data)
{
	static const struct lease_handlers copying = {copy_start, copy_end, copy_text, NULL};
	struct copy copy = {.record = record, .ns = ns, .inside = inside, .data = data};
	bool good = xml.len < INT32_MAX && lease_document(&copying, &copy.frame) &&
		    XML_Parse(copy.frame.expat, xml.ptr, (int)xml.len, XML_TRUE) == XML_STATUS_OK;

	/* What was opened is closed, whatever came. */
	while (copy.depth) {
		copy.depth--;
		record_close(record);
	}
	XML_ParserFree(copy.frame.expat);
	return good;
}
