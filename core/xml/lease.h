/* SPDX-License-Identifier: MIT */
/*
 * The one place that makes expat parsers. Each thread has one, which stands at depth 1 between two frames and
 * is used for whichever connection has a frame; names that peers sent stay in it, so it is freed when its
 * memory has grown (XML_RECYCLE_BYTES). What must hold for every parser is set here: UTF-8 whatever is
 * declared, a random hash salt, and refusal of DOCTYPE, processing instruction and comment.
 */
#ifndef CORE_XML_LEASE_H
#define CORE_XML_LEASE_H

#include "core/xml/parser.h"
#include <expat.h>

/* What the handlers of a frame get as user data begins with this. */
struct lease_frame {
	XML_Parser expat;
	enum cpl_stream_error error; /* the first one wins; see lease_fail() */
	bool complete;		     /* set by the handler that saw the frame's last token */
	XML_Index end;		     /* index of the byte behind the frame */
};

struct lease_handlers {
	XML_StartElementHandler start;
	XML_EndElementHandler end;
	XML_CharacterDataHandler text;
	XML_XmlDeclHandler declaration;
};

/*
 * Feeds a whole frame to the thread's parser: from the beginning of a document (`fresh`), else as a child of
 * the element that is open. `frame` is the handlers' user data. On any error, and when `frame` is not
 * complete after the last byte, the parser is destroyed.
 */
enum cpl_stream_error lease_parse(struct cpl_str bytes, bool fresh, const struct lease_handlers *handlers,
				  struct lease_frame *frame);
/*
 * A parser of its own for a document that is fed piece by piece, with the same refusals but for comments and processing instructions, which are skipped; to be fed
 * with XML_Parse() and freed with XML_ParserFree(). Names come as NAMESPACE LEASE_SEPARATOR LOCAL. `frame` is the handlers' user data. NULL: no memory.
 */
#define LEASE_SEPARATOR '\x01' /* in no XML document */
XML_Parser lease_document(const struct lease_handlers *handlers, struct lease_frame *frame);
/* For handlers: fails the frame. Expat may still call handlers, which must look at frame->error first. */
void lease_fail(struct lease_frame *frame, enum cpl_stream_error error);
/* For handlers: true when the token being reported is the last of the frame. */
bool lease_at_end(const struct lease_frame *frame);
/* A buffer of the thread for the handlers; empty at the start of each frame. */
struct cpl_buf *lease_scratch(void);

#endif
