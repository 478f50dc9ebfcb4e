/* SPDX-License-Identifier: MIT */
/*
 * An intrusive doubly linked list: a node embedded in the user's struct, recovered with CPL_CONTAINER. A
 * zeroed node is not in a list.
 */
#ifndef COUPLET_LIST_H
#define COUPLET_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct cpl_list {
	struct cpl_list *next;
	struct cpl_list *prev;
};

/* Makes an empty list head. */
static inline void cpl_list_init(struct cpl_list *head)
{
	head->next = head->prev = head;
}

/* True for a head with no node, also for a zeroed one. */
static inline bool cpl_list_empty(const struct cpl_list *head)
{
	return head->next == head || head->next == NULL;
}

/* True while the node is in a list. */
static inline bool cpl_list_linked(const struct cpl_list *node)
{
	return node->next != NULL;
}

/* Puts a node that is in no list before `at`, a node or a head. */
static inline void cpl_list_insert_before(struct cpl_list *at, struct cpl_list *node)
{
	node->next = at;
	node->prev = at->prev;
	at->prev->next = node;
	at->prev = node;
}

/* At the end. */
static inline void cpl_list_append(struct cpl_list *head, struct cpl_list *node)
{
	cpl_list_insert_before(head, node);
}

/* At the beginning. */
static inline void cpl_list_prepend(struct cpl_list *head, struct cpl_list *node)
{
	cpl_list_insert_before(head->next, node);
}

/* Takes the node out of its list; a node that is in none is left alone. */
static inline void cpl_list_remove(struct cpl_list *node)
{
	if (!node->next)
		return;
	node->next->prev = node->prev;
	node->prev->next = node->next;
	node->next = node->prev = NULL;
}

/* Takes out and returns the first node, or NULL. */
static inline struct cpl_list *cpl_list_take(struct cpl_list *head)
{
	struct cpl_list *node = head->next;

	if (cpl_list_empty(head))
		return NULL;
	cpl_list_remove(node);
	return node;
}

/* Every node in order; `node` may be removed in the body, others may not. */
#define CPL_LIST_EACH(node, head)                                                                            \
	for (struct cpl_list *node = (head)->next, *node##_next = node->next; node != (head);                \
	     node = node##_next, node##_next = node->next)

#endif
