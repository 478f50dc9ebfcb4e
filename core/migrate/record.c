/* SPDX-License-Identifier: MIT */
/* Elements to records, records to frames. */
#include "core/migrate/record.h"

#include "core/admin/frame.h"

enum { FRAME_PART = 256 * 1024 };

void record_init(struct record *record, struct record_sink *sink)
{
	*record = (struct record){.sink = sink};
}

static void pop(struct record *record)
{
	record->depth--;
	CPL_FREE(record->ns[record->depth]);
	CPL_FREE(record->tag[record->depth]);
}

static void forget(struct record *record)
{
	while (record->depth)
		pop(record);
	CPL_FREE(record->host);
	CPL_FREE(record->name);
	if (record->text.ptr)
		explicit_bzero(record->text.ptr, record->text.size);
	cpl_buf_clear(&record->text);
	record->in_tag = record->overflow = false;
	record->part = 0;
}

void record_finish(struct record *record)
{
	forget(record);
	cpl_buf_finish(&record->text);
	cpl_buf_finish(&record->at);
}

/* ---- frames ---- */

static void send(struct record *record, unsigned char type, struct cpl_str payload)
{
	record->sink->frame(record->sink, type, payload);
}

static void send_text(struct record *record)
{
	struct cpl_str rest = cpl_buf_str(&record->text);

	while (rest.len) {
		size_t len = rest.len < FRAME_PART ? rest.len : FRAME_PART;

		send(record, FRAME_INPUT, (struct cpl_str){rest.ptr, len});
		rest = (struct cpl_str){rest.ptr + len, rest.len - len};
	}
	send(record, FRAME_RECORD, CPL_STR(""));
	explicit_bzero(record->text.ptr, record->text.size);
	cpl_buf_clear(&record->text);
}

__attribute__((format(printf, 2, 0))) static void complain(struct record *record, const char *format, va_list args)
{
	struct cpl_buf line = {0};

	if (record->name)
		cpl_buf_addf(&line, "%s: %s@%s: ", record->at.ptr, record->name, record->host);
	cpl_buf_addv(&line, format, args);
	send(record, FRAME_COMPLAINT, cpl_buf_str(&line));
	cpl_buf_finish(&line);
}

void record_fault(struct record *record, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(record, format, args);
	va_end(args);
	record->faults++;
}

void record_note(struct record *record, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(record, format, args);
	va_end(args);
}

int record_done(struct record *record, const char *reason)
{
	struct cpl_buf payload = {0};
	int code = reason || record->faults;

	forget(record);
	if (record->sha_one_only)
		record_note(record, "keys for SCRAM-SHA-1 only: clients must use that mechanism, or PLAIN, which adds the others; see coupletctl(8) (accounts: %u)",
			    record->sha_one_only);
	if (record->with_nodes)
		record_note(record, "PEP nodes are not imported, but for vCard, avatar, nickname and bookmarks (accounts: %u)", record->with_nodes);
	cpl_buf_add_char(&payload, (char)code);
	if (reason)
		cpl_buf_add(&payload, cpl_str_of(reason));
	else if (record->faults)
		cpl_buf_addf(&payload, "could not be read, wholly or in part (accounts: %u)", record->faults);
	send(record, FRAME_END, cpl_buf_str(&payload));
	cpl_buf_finish(&payload);
	return code;
}

/* ---- elements ---- */

/* Attributes are written with apostrophes, and what a parser would make spaces of as references; what XML cannot hold as U+FFFD. */
static void add_escaped(struct cpl_buf *out, struct cpl_str text, bool attribute)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '&' || c == '<' || c == '>' || c == '\'')
			cpl_buf_add_xml(out, (struct cpl_str){text.ptr + i, 1});
		else if (c == '\r' || (attribute && (c == '\n' || c == '\t')))
			cpl_buf_addf(out, "&#%d;", c);
		else if (c < 0x20 && c != '\n' && c != '\t')
			cpl_buf_add(out, CPL_STR("\xEF\xBF\xBD"));
		else
			cpl_buf_add_char(out, (char)c);
	}
}

static void end_tag_start(struct record *record)
{
	if (record->in_tag)
		cpl_buf_add_char(&record->text, '>');
	record->in_tag = false;
}

static void push(struct record *record, struct cpl_str ns, struct cpl_str name)
{
	record->ns[record->depth] = cpl_strdup(ns);
	record->tag[record->depth++] = cpl_strdup(name);
}

#define XML_NS "http://www.w3.org/XML/1998/namespace"

/* No other prefix, and no default, may be bound to the namespace of "xml" (Namespaces in XML 1.0, 3). */
static void start_reserved(struct record *record, struct cpl_str name)
{
	char *prefixed = cpl_asprintf("xml:%.*s", CPL_ARG(name));

	end_tag_start(record);
	cpl_buf_addf(&record->text, "<%s", prefixed);
	record->in_tag = true;
	push(record, cpl_str_of(record->ns[record->depth - 1]), cpl_str_of(prefixed));
	cpl_free(prefixed);
}

static void start(struct record *record, struct cpl_str ns, struct cpl_str name)
{
	const char *outer = record->depth ? record->ns[record->depth - 1] : NULL;

	if (outer && cpl_str_is(ns, XML_NS)) {
		start_reserved(record, name);
		return;
	}
	end_tag_start(record);
	cpl_buf_addf(&record->text, "<%.*s", CPL_ARG(name));
	if (!outer || !cpl_str_is(ns, outer)) {
		cpl_buf_add(&record->text, CPL_STR(" xmlns='"));
		add_escaped(&record->text, ns, true);
		cpl_buf_add_char(&record->text, '\'');
	}
	record->in_tag = true;
	push(record, ns, name);
}

static void start_user(struct record *record)
{
	start(record, CPL_STR(PIE_NS), CPL_STR("user"));
	record->part++;
	record_attribute(record, CPL_NONE, CPL_STR("host"), cpl_str_of(record->host));
	record_attribute(record, CPL_NONE, CPL_STR("name"), cpl_str_of(record->name));
	record_attribute(record, CPL_NONE, CPL_STR("at"), cpl_buf_str(&record->at));
	if (record->part > 1)
		record_attribute(record, CPL_NONE, CPL_STR("part"), cpl_str_of(record->part == 2 ? "2" : "3"));
}

void record_begin(struct record *record, struct cpl_str host, struct cpl_str name, struct cpl_str password, const char *file, unsigned long line)
{
	forget(record);
	record->host = cpl_strdup(host);
	record->name = cpl_strdup(name);
	cpl_buf_clear(&record->at);
	cpl_buf_addf(&record->at, "%s", file);
	if (line)
		cpl_buf_addf(&record->at, ":%lu", line);
	record->sha_one = record->sha_two = false;
	start_user(record);
	if (password.ptr)
		record_attribute(record, CPL_NONE, CPL_STR("password"), password);
}

static bool too_long(struct record *record)
{
	if (!record->overflow && record->text.len > RECORD_MAX) {
		record_fault(record, "a part of it is longer than %d bytes: %s", RECORD_MAX,
			     record->part > 1 ? "only what stands before it is imported" : "it is not imported");
		record->overflow = true;
		cpl_buf_clear(&record->text);
	}
	return record->overflow;
}

bool record_open(struct record *record, struct cpl_str ns, struct cpl_str name)
{
	if (record->depth > RECORD_DEPTH - 1)
		return false;
	if (!too_long(record))
		start(record, ns.ptr ? ns : cpl_str_of(record->ns[record->depth - 1]), name);
	else
		push(record, CPL_STR(""), CPL_STR(""));
	return true;
}

void record_attribute(struct record *record, struct cpl_str ns, struct cpl_str name, struct cpl_str value)
{
	if (record->overflow)
		return;
	if (cpl_str_is(ns, XML_NS)) {
		cpl_buf_addf(&record->text, " xml:%.*s='", CPL_ARG(name));
	} else if (ns.ptr) {
		/* A prefix of its own for each: no two attributes can meet. */
		size_t number = record->text.len;

		cpl_buf_addf(&record->text, " xmlns:p%zu='", number);
		add_escaped(&record->text, ns, true);
		cpl_buf_addf(&record->text, "' p%zu:%.*s='", number, CPL_ARG(name));
	} else {
		cpl_buf_addf(&record->text, " %.*s='", CPL_ARG(name));
	}
	add_escaped(&record->text, value, true);
	cpl_buf_add_char(&record->text, '\'');
}

void record_text(struct record *record, struct cpl_str text)
{
	if (too_long(record))
		return;
	if (text.len)
		end_tag_start(record);
	add_escaped(&record->text, text, false);
}

static void end_tag(struct record *record)
{
	if (record->in_tag)
		cpl_buf_add(&record->text, CPL_STR("/>"));
	else
		cpl_buf_addf(&record->text, "</%s>", record->tag[record->depth - 1]);
	record->in_tag = false;
}

/* Elements whose children are independent of one another. */
static bool is_list(const struct record *record)
{
	static const char *const lists[][2] = {{PIE_NS, "offline-messages"},   {"jabber:iq:roster", "query"}, {"jabber:iq:private", "query"},
					       {"urn:xmpp:pie:0#mam", "archive"}, {"urn:xmpp:blocking", "blocklist"}};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (record->depth == 2 && strcmp(record->ns[1], lists[i][0]) == 0 && strcmp(record->tag[1], lists[i][1]) == 0)
			return true;
	return false;
}

static void split(struct record *record)
{
	struct cpl_str ns = CPL_NONE, tag = CPL_NONE;
	char *list_ns = NULL, *list_tag = NULL;

	if (record->depth == 2) {
		ns = cpl_str_of(list_ns = cpl_strdup(cpl_str_of(record->ns[1])));
		tag = cpl_str_of(list_tag = cpl_strdup(cpl_str_of(record->tag[1])));
		end_tag(record);
		pop(record);
	}
	end_tag(record);
	pop(record);
	send_text(record);
	start_user(record);
	if (tag.ptr)
		start(record, ns, tag);
	cpl_free(list_ns);
	cpl_free(list_tag);
}

void record_close(struct record *record)
{
	if (!record->overflow)
		end_tag(record);
	pop(record);
	if (!record->overflow && record->text.len > RECORD_SPLIT && (record->depth == 1 || is_list(record)))
		split(record);
}

void record_leaf(struct record *record, const char *name, struct cpl_str text)
{
	if (!record_open(record, CPL_NONE, cpl_str_of(name)))
		return;
	record_text(record, text);
	record_close(record);
}

void record_end(struct record *record)
{
	if (!too_long(record)) {
		end_tag(record);
		pop(record);
		send_text(record);
	}
	record->accounts++;
	record->sha_one_only += record->sha_one && !record->sha_two;
	forget(record);
}

void record_drop(struct record *record)
{
	forget(record);
}
