/* SPDX-License-Identifier: MIT */
/* The thread's expat parser: making, feeding, recycling. */
#include "core/xml/lease.h"

#include "core/base/account.h"

#include <sys/random.h>

/* Expat's own bound is the frame: its buffer is at most twice as long, its copies of names and attributes add
 * a few times as much. */
enum { MEMORY_BASE = 4 * 1024 * 1024, MEMORY_FACTOR = 8 };

struct block {
	_Alignas(max_align_t) size_t size;
};

static _Thread_local struct {
	XML_Parser expat;
	XML_Index fed; /* bytes since the beginning of its document */
	size_t bytes;  /* its memory now */
	size_t bound;
	size_t fresh; /* its memory when it was new */
	struct cpl_buf scratch;
} lease;

static void *block_alloc(size_t size)
{
	struct account *before;
	struct block *block;

	if (size > lease.bound || lease.bytes > lease.bound - size)
		return NULL;
	/* The parser outlives whoever has something parsed. */
	before = account_as_core();
	block = cpl_try_alloc(sizeof *block + size);
	account_back(before);
	if (!block)
		return NULL;
	block->size = size;
	lease.bytes += size;
	return block + 1;
}

static void block_free(void *ptr)
{
	struct block *block = ptr;

	if (!block)
		return;
	lease.bytes -= block[-1].size;
	cpl_free(block - 1);
}

static void *block_realloc(void *ptr, size_t size)
{
	struct block *old = ptr;
	void *grown = block_alloc(size);

	if (grown && old) {
		memcpy(grown, old, old[-1].size < size ? old[-1].size : size);
		block_free(old);
	}
	return grown;
}

void lease_fail(struct lease_frame *frame, enum cpl_stream_error error)
{
	if (!frame->error)
		frame->error = error;
	XML_StopParser(frame->expat, XML_FALSE);
}

bool lease_at_end(const struct lease_frame *frame)
{
	return XML_GetCurrentByteIndex(frame->expat) + XML_GetCurrentByteCount(frame->expat) == frame->end;
}

struct cpl_buf *lease_scratch(void)
{
	return &lease.scratch;
}

static void refuse_doctype(void *frame, const char *name, const char *system, const char *public,
			   int internal)
{
	lease_fail(frame, CPL_STREAM_RESTRICTED_XML);
}

static void refuse_instruction(void *frame, const char *target, const char *data)
{
	lease_fail(frame, CPL_STREAM_RESTRICTED_XML);
}

static void refuse_comment(void *frame, const char *text)
{
	lease_fail(frame, CPL_STREAM_RESTRICTED_XML);
}

static void drop(void)
{
	if (lease.expat)
		XML_ParserFree(lease.expat);
	lease.expat = NULL;
}

/* A parser at the beginning of a document; NULL when there is no memory. */
static XML_Parser make(void)
{
	static const XML_Memory_Handling_Suite suite = {block_alloc, block_realloc, block_free};
	unsigned long salt = 0;

	if (lease.expat && !XML_ParserReset(lease.expat, "UTF-8"))
		drop();
	if (!lease.expat) {
		lease.expat = XML_ParserCreate_MM("UTF-8", &suite, NULL);
		if (!lease.expat)
			return NULL;
		lease.fresh = lease.bytes;
	}
	/* A salt of 0 makes expat draw its own. */
	if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
		salt = 0;
	XML_SetHashSalt(lease.expat, salt);
	XML_SetStartDoctypeDeclHandler(lease.expat, refuse_doctype);
	XML_SetProcessingInstructionHandler(lease.expat, refuse_instruction);
	XML_SetCommentHandler(lease.expat, refuse_comment);
	lease.fed = 0;
	return lease.expat;
}

XML_Parser lease_document(const struct lease_handlers *handlers, struct lease_frame *frame)
{
	XML_Parser expat = XML_ParserCreateNS("UTF-8", LEASE_SEPARATOR);
	unsigned long salt = 0;

	*frame = (struct lease_frame){.expat = expat};
	if (!expat)
		return NULL;
	if (getrandom(&salt, sizeof salt, 0) != sizeof salt)
		salt = 0;
	XML_SetHashSalt(expat, salt);
	XML_SetStartDoctypeDeclHandler(expat, refuse_doctype);
	XML_SetUserData(expat, frame);
	XML_SetElementHandler(expat, handlers->start, handlers->end);
	XML_SetCharacterDataHandler(expat, handlers->text);
	XML_SetXmlDeclHandler(expat, handlers->declaration);
	return expat;
}

/* A parser at depth 1. */
static XML_Parser take(void)
{
	if (lease.expat)
		return lease.expat;
	if (!make())
		return NULL;
	if (XML_Parse(lease.expat, "<s>", 3, XML_FALSE) != XML_STATUS_OK)
		drop();
	lease.fed = 3;
	return lease.expat;
}

static enum cpl_stream_error judge(enum XML_Error error)
{
	switch (error) {
	case XML_ERROR_NO_MEMORY:
		return CPL_STREAM_RESOURCE_CONSTRAINT;
	case XML_ERROR_UNDEFINED_ENTITY:
	case XML_ERROR_RECURSIVE_ENTITY_REF:
	case XML_ERROR_EXTERNAL_ENTITY_HANDLING:
		return CPL_STREAM_RESTRICTED_XML; /* RFC 6120 11.1: no entity but the five */
	case XML_ERROR_UNKNOWN_ENCODING:
	case XML_ERROR_INCORRECT_ENCODING:
		return CPL_STREAM_UNSUPPORTED_ENCODING;
	default:
		return CPL_STREAM_NOT_WELL_FORMED;
	}
}

static void recycle(void)
{
	if (lease.scratch.size > XML_RECYCLE_BYTES)
		cpl_buf_finish(&lease.scratch);
	if (lease.bytes > lease.fresh + XML_RECYCLE_BYTES)
		drop();
}

enum cpl_stream_error lease_parse(struct cpl_str bytes, bool fresh, const struct lease_handlers *handlers,
				  struct lease_frame *frame)
{
	struct account *before;
	enum XML_Status status;

	frame->error = CPL_STREAM_OK;
	frame->complete = false;
	if (bytes.len > INT32_MAX / MEMORY_FACTOR)
		return frame->error = CPL_STREAM_POLICY_VIOLATION;
	/* Told that it is UTF-8, expat still takes a byte order mark or a zero byte at the beginning for
	 * UTF-16. */
	if (fresh && (bytes.len < 2 || bytes.ptr[0] != '<' || bytes.ptr[1] == '\0'))
		return frame->error = CPL_STREAM_NOT_WELL_FORMED;
	lease.bound = MEMORY_BASE + MEMORY_FACTOR * bytes.len;
	frame->expat = fresh ? make() : take();
	if (!frame->expat)
		return frame->error = CPL_STREAM_RESOURCE_CONSTRAINT;
	frame->end = lease.fed + (XML_Index)bytes.len;
	cpl_buf_clear(&lease.scratch);
	XML_SetUserData(frame->expat, frame);
	XML_SetElementHandler(frame->expat, handlers->start, handlers->end);
	XML_SetCharacterDataHandler(frame->expat, handlers->text);
	XML_SetXmlDeclHandler(frame->expat, handlers->declaration);
	/* What the handlers keep of their own in the scratch buffer stays as the parser does. */
	before = account_as_core();
	status = XML_Parse(frame->expat, bytes.ptr, (int)bytes.len, XML_FALSE);
	account_back(before);
	if (status != XML_STATUS_OK && !frame->error)
		frame->error = judge(XML_GetErrorCode(frame->expat));
	if (!frame->error && !frame->complete)
		frame->error = CPL_STREAM_NOT_WELL_FORMED;
	lease.fed = frame->end;
	if (frame->error)
		drop();
	else
		recycle();
	return frame->error;
}

void xml_finish(void)
{
	drop();
	cpl_buf_finish(&lease.scratch);
}
