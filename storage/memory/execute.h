/* SPDX-License-Identifier: MIT */
/* Requests on the memory driver's data. Both fill in the request's result. */
#ifndef STORAGE_MEMORY_EXECUTE_H
#define STORAGE_MEMORY_EXECUTE_H

#include "storage/memory/data.h"

/* A batch: judged whole first, so that it is done whole or not at all. CPL_E_FULL when more than max_size
 * bytes of rows would be there. */
void memory_write(struct memory_data *data, struct cpl_store_request *request, size_t max_size);
void memory_read(const struct memory_data *data, struct cpl_store_request *request);

#endif
