/* SPDX-License-Identifier: MIT */
/*
 * Stanzas: an element tree in its own arena, reference-counted.
 *
 * Names and namespaces are interned to small integers when a stanza is parsed, so that handlers compare integers. A module declares each
 * name that it looks for with CPL_NAME and lists it in its descriptor; the core fills in the numbers before any of the module's code runs.
 *
 * Namespaces. The stanza and the descendants reached without crossing another namespace carry the reserved id CPL_NS_CONTENT, which is
 * written as the output stream's default namespace (jabber:client, jabber:server ...). Everything else keeps its own namespace.
 *
 * The common attributes of a stanza (to, from, id, type, xml:lang) are members of struct cpl_stanza and are not in the root's attribute list;
 * changing a member changes what is written. A type that is CPL_TYPE_UNKNOWN stays in the list as well, as text. For a root that is not a
 * stanza (CPL_NONZA) the members are not set, and all its attributes are in the list.
 *
 * A stanza may be changed up to stage REWRITE of its events and is const from DELIVER on. It stays in memory while someone holds a
 * reference. Session thread only.
 */
#ifndef COUPLET_STANZA_H
#define COUPLET_STANZA_H

#include <couplet/error.h>
#include <couplet/jid.h>
#include <couplet/list.h>

#pragma GCC visibility push(default)

/* Interned ids. 0 is "not interned": the text decides (and equals no declared name). */
enum cpl_ns {
	CPL_NS_UNKNOWN = 0,
	CPL_NS_CONTENT = 1, /* the content namespace of the stream, whichever it is */
	CPL_NS_NONE = 2,    /* no namespace */
	CPL_NS_XML = 3,     /* http://www.w3.org/XML/1998/namespace */
	CPL_NS_CLIENT = 4,  /* jabber:client as a namespace of its own, inside something else */
	CPL_NS_SERVER = 5,
	CPL_NS_COMPONENT = 6, /* jabber:component:accept */
	CPL_NS_STREAM = 7,    /* http://etherx.jabber.org/streams */
	CPL_NS_STREAM_ERROR = 8,
	CPL_NS_STANZA_ERROR = 9,
	CPL_NS_FIRST_FREE = 16,
};

/* A qualified name. Declared once with CPL_NAME, used everywhere by pointer. */
struct cpl_name {
	const char *ns; /* NULL: the content namespace */
	const char *local;
	uint16_t ns_id;
	uint16_t local_id;
};
#define CPL_NAME(variable, ns, local) static struct cpl_name variable = {ns, local, 0, 0}
#define CPL_CONTENT_NAME(variable, local) static struct cpl_name variable = {NULL, local, 0, 0}

/*
 * Fills in the numbers of a name that is known only at run time, from a file or the configuration; `local` NULL: those of the namespace alone. Interned names stay for good, so
 * this is not for what a peer chooses. CPL_E_FULL: there are 65,535 already.
 */
int cpl_name_add(struct cpl_name *name);

struct cpl_attr {
	struct cpl_attr *next;
	struct cpl_str name;  /* local name */
	struct cpl_str value; /* unescaped, followed by a NUL in memory */
	struct cpl_str ns;    /* CPL_NONE: an attribute with no prefix */
};

enum cpl_node_kind { CPL_NODE_TEXT, CPL_NODE_ELEMENT };

struct cpl_node {
	struct cpl_node *next;
	enum cpl_node_kind kind;
};

struct cpl_text {
	struct cpl_node node;
	struct cpl_str text; /* unescaped */
};

struct cpl_element {
	struct cpl_node node;
	uint16_t ns_id;
	uint16_t name_id;
	struct cpl_str ns; /* namespace name; for CPL_NS_CONTENT CPL_NONE */
	struct cpl_str name;
	struct cpl_attr *attrs;
	struct cpl_node *first;
	struct cpl_node *last;
	struct cpl_element *parent; /* NULL for the root */
};

enum cpl_kind { CPL_MESSAGE, CPL_PRESENCE, CPL_IQ, CPL_NONZA /* any other child of the stream */ };

enum cpl_type {
	CPL_TYPE_NONE, /* absent: a normal message, available presence */
	CPL_TYPE_ERROR,
	CPL_TYPE_CHAT,
	CPL_TYPE_GROUPCHAT,
	CPL_TYPE_HEADLINE,
	CPL_TYPE_NORMAL,
	CPL_TYPE_GET,
	CPL_TYPE_SET,
	CPL_TYPE_RESULT,
	CPL_TYPE_UNAVAILABLE,
	CPL_TYPE_SUBSCRIBE,
	CPL_TYPE_SUBSCRIBED,
	CPL_TYPE_UNSUBSCRIBE,
	CPL_TYPE_UNSUBSCRIBED,
	CPL_TYPE_PROBE,
	CPL_TYPE_UNKNOWN, /* present, but not one that this kind may have */
};

struct cpl_session;

struct cpl_stanza {
	struct cpl_element *root;
	struct cpl_arena *arena; /* NULL for a compacted stanza, which can't be changed */
	enum cpl_kind kind;
	enum cpl_type type;
	struct cpl_jid from; /* not set: absent */
	struct cpl_jid to;
	struct cpl_str id; /* CPL_NONE: absent */
	struct cpl_str lang;
	/* As parsed, before addresses are checked; the session turns them into `to` and `from`. Written where those are not set. */
	struct cpl_str to_text;
	struct cpl_str from_text;
	unsigned refs;
	unsigned holds;              /* see cpl_stanza_hold() */
	struct cpl_session *session; /* the session it came in on, referenced; NULL when made here */
	struct cpl_list in_flight;   /* the session's stanzas that are not done */
	uint32_t wire_size;          /* bytes as received, 0 when made here */
	bool handled;                /* its events have run */
	bool alike;                  /* the core's: the elements of a compacted stanza are shared with others that say the same */
};

/* ---- looking ---- */

/* True when the element has that name: two integers are compared. An element that nobody has declared a name for equals none. */
static inline bool cpl_is(const struct cpl_element *e, const struct cpl_name *name)
{
	return e->ns_id == name->ns_id && e->name_id == name->local_id;
}

/* First child element of that name, or NULL. */
struct cpl_element *cpl_child(const struct cpl_element *parent, const struct cpl_name *name);
/* First child element, and the next one after `e`; NULL at the end. */
struct cpl_element *cpl_first_child(const struct cpl_element *parent);
struct cpl_element *cpl_next_child(const struct cpl_element *e);
#define CPL_CHILDREN(child, parent) for (struct cpl_element *child = cpl_first_child(parent); child; child = cpl_next_child(child))
/* Number of child elements. */
unsigned cpl_child_count(const struct cpl_element *parent);
/* Value of an attribute with no namespace; CPL_NONE when absent. */
struct cpl_str cpl_attr_get(const struct cpl_element *e, const char *name);
/* The element's own text (children's not included); a view if it is one node, else joined in `arena`. Empty, never CPL_NONE. */
struct cpl_str cpl_text_of(const struct cpl_element *e, struct cpl_arena *arena);
/* Text of the first child of that name, or CPL_NONE when there is no such child. */
struct cpl_str cpl_child_text(const struct cpl_element *parent, const struct cpl_name *name, struct cpl_arena *arena);

/* ---- making ---- */

/* A new stanza with one reference. */
struct cpl_stanza *cpl_stanza_create(enum cpl_kind kind, enum cpl_type type);
/* A root that is not a stanza (a stream feature list, a SASL element ...). */
struct cpl_stanza *cpl_nonza_create(const struct cpl_name *name);
/* Adds an element as last child. The arena is that of the stanza that the parent belongs to. */
struct cpl_element *cpl_add(struct cpl_stanza *stanza, struct cpl_element *parent, const struct cpl_name *name);
/* The same for a name and namespace at hand only as text (copied); ns CPL_NONE: the parent's namespace. */
struct cpl_element *cpl_add_named(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str ns, struct cpl_str name);
/* Adds text (copied, cut at U+0000 never: it must be XML characters). */
void cpl_add_text(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str text);
/* cpl_add() with text inside. */
struct cpl_element *cpl_add_with_text(struct cpl_stanza *stanza, struct cpl_element *parent, const struct cpl_name *name, struct cpl_str text);
/* Sets (or with CPL_NONE removes) an attribute with no namespace; the value is copied. */
void cpl_attr_set(struct cpl_stanza *stanza, struct cpl_element *e, const char *name, struct cpl_str value);
/* Takes a child out of its parent. */
void cpl_remove(struct cpl_element *child);
/* Adds a deep copy of `e` (of any stanza) as last child of parent; content-namespace elements keep CPL_NS_CONTENT. */
struct cpl_element *cpl_add_copy(struct cpl_stanza *stanza, struct cpl_element *parent, const struct cpl_element *e);
/*
 * Adds `inner` as last child of parent, to be forwarded (XEP-0297): a copy of its root as a jabber:client element with its addresses, id, type and
 * language as attributes.
 */
struct cpl_element *cpl_add_stanza(struct cpl_stanza *stanza, struct cpl_element *parent, const struct cpl_stanza *inner);

/* The addresses, the id and the language are copied into the stanza's arena; an address that is not set, or CPL_NONE, removes. */
void cpl_stanza_set_to(struct cpl_stanza *stanza, struct cpl_jid to);
void cpl_stanza_set_from(struct cpl_stanza *stanza, struct cpl_jid from);
void cpl_stanza_set_id(struct cpl_stanza *stanza, struct cpl_str id);
void cpl_stanza_set_lang(struct cpl_stanza *stanza, struct cpl_str lang);

/* One reference more; returns the stanza. */
struct cpl_stanza *cpl_stanza_ref(struct cpl_stanza *stanza);
/* Drops a reference and nulls the pointer; accepts a pointer to NULL. */
void cpl_stanza_unref(struct cpl_stanza **stanza);
/* A deep copy that can be changed; `session` is not carried over. */
struct cpl_stanza *cpl_stanza_copy(const struct cpl_stanza *stanza);
/* A copy in one block of exactly its size, for keeping; it can't be changed. */
struct cpl_stanza *cpl_stanza_compact(const struct cpl_stanza *stanza);
/* Bytes a compacted stanza takes. */
size_t cpl_stanza_size(const struct cpl_stanza *stanza);

/* An empty result for an IQ request: to, from, id and lang as they must be (RFC 6120 8.1.2.1, 8.2.3). */
struct cpl_stanza *cpl_stanza_result(const struct cpl_stanza *request);

/* Stanza error conditions (RFC 6120 8.3.3); the error type that goes with each is the RFC's. */
enum cpl_condition {
	CPL_BAD_REQUEST,
	CPL_CONFLICT,
	CPL_FEATURE_NOT_IMPLEMENTED,
	CPL_FORBIDDEN,
	CPL_GONE,
	CPL_INTERNAL_SERVER_ERROR,
	CPL_ITEM_NOT_FOUND,
	CPL_JID_MALFORMED,
	CPL_NOT_ACCEPTABLE,
	CPL_NOT_ALLOWED,
	CPL_NOT_AUTHORIZED,
	CPL_POLICY_VIOLATION,
	CPL_RECIPIENT_UNAVAILABLE,
	CPL_REDIRECT,
	CPL_REGISTRATION_REQUIRED,
	CPL_REMOTE_SERVER_NOT_FOUND,
	CPL_REMOTE_SERVER_TIMEOUT,
	CPL_RESOURCE_CONSTRAINT,
	CPL_SERVICE_UNAVAILABLE,
	CPL_SUBSCRIPTION_REQUIRED,
	CPL_UNDEFINED_CONDITION,
	CPL_UNEXPECTED_REQUEST,
};
/* Condition of an error stanza; CPL_UNDEFINED_CONDITION when it has none. */
enum cpl_condition cpl_stanza_condition(const struct cpl_stanza *error);
/* "bad-request", "conflict" ...: the name of the element; static. */
const char *cpl_condition_name(enum cpl_condition condition);
/*
 * An error in answer to `stanza` (text may be NULL), or NULL when nothing may be answered (types error and result). An IQ's payload is
 * not echoed. Further application-specific conditions go below cpl_child(error->root, ...) of the <error/> element.
 */
struct cpl_stanza *cpl_stanza_error(const struct cpl_stanza *stanza, enum cpl_condition condition, const char *text);

/* ---- bytes ---- */

/* Writes the stanza with `content` as the enclosing default namespace (CPL_NS_CLIENT, CPL_NS_SERVER or CPL_NS_COMPONENT). */
void cpl_stanza_write(const struct cpl_stanza *stanza, enum cpl_ns content, struct cpl_buf *out);
/* The same with other addresses than the stanza's own (not set: as they are) and `suffix`, ready XML, before the root's end tag: what one recipient gets in addition. */
void cpl_stanza_write_to(const struct cpl_stanza *stanza, enum cpl_ns content, struct cpl_jid from, struct cpl_jid to, struct cpl_str suffix,
			 struct cpl_buf *out);
/* Reads one stanza from bytes that cpl_stanza_write() made with CPL_NS_CLIENT (a store's column); addresses are parsed. NULL and *error for anything else. */
struct cpl_stanza *cpl_stanza_read(struct cpl_str bytes, struct cpl_error *error);
/* Writes one element by itself, its namespace declared, as a store keeps it in a column of text. */
void cpl_element_write(const struct cpl_element *e, struct cpl_buf *out);
/* Adds the elements in `xml`, one or several as cpl_element_write() made them, as last children of parent; the first of them, or NULL and *error for anything else. */
struct cpl_element *cpl_add_xml(struct cpl_stanza *stanza, struct cpl_element *parent, struct cpl_str xml, struct cpl_error *error);
/*
 * The stanza that was forwarded as `e`, an element in jabber:client: the opposite of cpl_add_stanza(), with addresses parsed and without what only a server may say of
 * a stanza. Whoever forwarded it has made it up: judge its sender. NULL when it is no stanza, or an address or type of it is none.
 */
struct cpl_stanza *cpl_stanza_unwrap(const struct cpl_element *e);

/* The same, with all that it says: for one that this server has kept before, or that an administrator gives. */
struct cpl_stanza *cpl_stanza_restore(const struct cpl_element *e);

/*
 * Holds: a stanza is done when its events have run and nothing holds it. Stream management counts it only then, so whatever must be
 * durable holds the stanza until the commit. Each hold is released exactly once; a hold implies a reference.
 */
void cpl_stanza_hold(struct cpl_stanza *stanza);
void cpl_stanza_release(struct cpl_stanza **stanza);

#pragma GCC visibility pop

#endif
