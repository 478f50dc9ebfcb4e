/* SPDX-License-Identifier: MIT */
/* Counts of requests by account, and queues. */
#include "storage/sqlite/traffic.h"

struct db_traffic {
	unsigned writes; /* batches, and for each account in a batch as often as the steps change to it */
	unsigned reads;	 /* at the reader */
	char text[];
};

/* The steps that begin a run of steps of one account; a batch usually has one. */
const struct cpl_store_step *traffic_next_account(const struct cpl_store_step *step)
{
	struct cpl_jid account = step->account;

	while (step && cpl_jid_equal(step->account, account))
		step = step->next;
	return step;
}

static struct db_traffic *find(const struct database *db, const struct cpl_store_step *step)
{
	return cpl_map_get(&db->traffic, cpl_jid_str(step->account));
}

void traffic_enter(struct database *db, const struct cpl_store_request *request, bool reader)
{
	if (!reader)
		db->writes_unfinished += request->write;
	for (const struct cpl_store_step *step = request->steps; step && (request->write || reader);
	     step = traffic_next_account(step)) {
		struct db_traffic *traffic = find(db, step);

		if (!traffic) {
			struct cpl_str text = cpl_jid_str(step->account);

			traffic = cpl_alloc(sizeof(*traffic) + text.len);
			memcpy(traffic->text, text.ptr, text.len);
			cpl_map_put(&db->traffic, (struct cpl_str){traffic->text, text.len}, traffic);
		}
		if (reader)
			traffic->reads++;
		else
			traffic->writes++;
	}
}

void traffic_leave(struct database *db, const struct cpl_store_request *request, bool reader)
{
	if (!reader)
		db->writes_unfinished -= request->write;
	for (const struct cpl_store_step *step = request->steps; step && (request->write || reader);
	     step = traffic_next_account(step)) {
		struct db_traffic *traffic = find(db, step);

		if (reader)
			traffic->reads--;
		else
			traffic->writes--;
		if (traffic->reads == 0 && traffic->writes == 0)
			cpl_free(cpl_map_remove(&db->traffic, cpl_jid_str(step->account)));
	}
}

bool traffic_has_writes(const struct database *db, const struct cpl_store_request *read)
{
	const struct db_traffic *traffic;

	/* A list is of no one account. */
	if (read->steps->op == CPL_OP_ACCOUNT_LIST || read->steps->op == CPL_OP_LIST)
		return db->writes_unfinished > 0;
	traffic = find(db, read->steps);
	return traffic && traffic->writes > 0;
}

bool traffic_has_reads(const struct database *db, const struct cpl_store_request *batch)
{
	for (const struct cpl_store_step *step = batch->steps; step; step = traffic_next_account(step)) {
		const struct db_traffic *traffic = find(db, step);

		if (traffic && traffic->reads > 0)
			return true;
	}
	return false;
}

void queue_add(struct db_queue *queue, struct cpl_store_request *request)
{
	request->next = NULL;
	if (queue->last)
		queue->last->next = request;
	else
		queue->first = request;
	queue->last = request;
	queue->count++;
}

struct cpl_store_request *queue_take(struct db_queue *queue)
{
	struct cpl_store_request *request = queue->first;

	if (!request)
		return NULL;
	queue->first = request->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	return request;
}
