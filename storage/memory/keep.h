/* SPDX-License-Identifier: MIT */
/* The memory driver's data as bytes, for the bag that a reload hands over. */
#ifndef STORAGE_MEMORY_KEEP_H
#define STORAGE_MEMORY_KEEP_H

#include "storage/memory/data.h"

/* Goes up when the form of the bytes changes. */
#define MEMORY_SCHEMA 1

void memory_data_write(const struct memory_data *data, struct cpl_buf *out);
/* Into empty data. CPL_E_CORRUPT: `bytes` is not what memory_data_write() made; the data is to be finished
 * all the same. */
int memory_data_read(struct memory_data *data, struct cpl_str bytes, struct cpl_error *error);

#endif
