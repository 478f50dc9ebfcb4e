/* SPDX-License-Identifier: MIT */
/* The layer: each file holds the real file behind it in the same block. */
#include "tests/fault/faulty_vfs.h"

#include <pthread.h>
#include <sqlite3.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	unsigned left, kinds;
	int result;
	bool stays, hit;
} fault;

static sqlite3_vfs vfs;
static sqlite3_vfs *below;

struct faulty_file {
	sqlite3_file file;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->real;
}

void faulty_vfs_at(unsigned nth, unsigned kinds, int result, bool stays)
{
	pthread_mutex_lock(&lock);
	fault.left = nth;
	fault.kinds = kinds;
	fault.result = result;
	fault.stays = stays;
	fault.hit = false;
	pthread_mutex_unlock(&lock);
}

bool faulty_vfs_hit(void)
{
	bool hit;

	pthread_mutex_lock(&lock);
	hit = fault.hit;
	pthread_mutex_unlock(&lock);
	return hit;
}

/* SQLITE_OK: go on. */
static int strike(unsigned kind)
{
	int result = SQLITE_OK;

	pthread_mutex_lock(&lock);
	if ((fault.kinds & kind) && fault.left > 0) {
		if (fault.left == 1) {
			result = fault.result;
			fault.hit = true;
		}
		if (fault.left > 1 || !fault.stays)
			fault.left--;
	}
	pthread_mutex_unlock(&lock);
	return result;
}

static int file_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
	int result = strike(FAULT_READ);

	return result ? result : real_of(file)->pMethods->xRead(real_of(file), to, size, at);
}

static int file_write(sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
	int result = strike(FAULT_WRITE);

	return result ? result : real_of(file)->pMethods->xWrite(real_of(file), from, size, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int result = strike(FAULT_WRITE);

	return result ? result : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
	return strike(FAULT_SYNC);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *held)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), held);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct faulty_file *own = (struct faulty_file *)file;
	int result;

	own->real = (sqlite3_file *)(own + 1);
	result = below->xOpen(below, name, own->real, flags, out);
	/* Without methods SQLite does not close what could not be opened. */
	own->file.pMethods = own->real->pMethods ? &methods : NULL;
	return result;
}

void faulty_vfs_register(void)
{
	below = sqlite3_vfs_find(NULL);
	vfs = *below;
	vfs.zName = "faulty";
	vfs.pNext = NULL;
	vfs.szOsFile = (int)sizeof(struct faulty_file) + below->szOsFile;
	vfs.xOpen = vfs_open;
	sqlite3_vfs_register(&vfs, 1);
}
