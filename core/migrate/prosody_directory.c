/* SPDX-License-Identifier: MIT */
/*
 * Prosody's data directory: HOST/STORE/ACCOUNT.dat, and .list for what waits; the names percent-encoded. Accounts are those that have a file in HOST/accounts.
 */
#include "core/migrate/prosody.h"

#include <couplet/time.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024 * 1024 };

struct directory {
	struct prosody_source source;
	struct record *record;
	const char *path;
	const char *host, *file; /* as they are called there */
};

/* "example%2eorg" to "example.org"; false when it is not encoded so. */
static bool decode(struct cpl_str name, struct cpl_buf *out)
{
	cpl_buf_clear(out);
	for (size_t i = 0; i < name.len; i++) {
		char hex[3] = "", *end, c = name.ptr[i];

		if (c == '%') {
			if (i + 2 >= name.len)
				return false;
			memcpy(hex, name.ptr + i + 1, 2);
			c = (char)strtol(hex, &end, 16);
			if (*end || !c)
				return false;
			i += 2;
		}
		cpl_buf_add_char(out, c);
	}
	return out->len > 0 && cpl_str_is_utf8(cpl_buf_str(out));
}

/* A whole file on the heap; NULL with error 0: there is none. */
static char *read_whole(const char *path, size_t *size, struct cpl_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char *bytes = NULL;
	struct stat st;

	*size = 0;
	if (fd < 0) {
		if (errno != ENOENT)
			cpl_fail(error, CPL_E_IO, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		cpl_fail(error, CPL_E_IO, "%s: it is no file", path);
	} else if (st.st_size > FILE_MAX || !(bytes = cpl_try_alloc((size_t)st.st_size + 1))) {
		cpl_fail(error, CPL_E_FULL, "%s: it is larger than %d bytes", path, FILE_MAX);
	} else {
		ssize_t got;

		while (*size < (size_t)st.st_size && ((got = read(fd, bytes + *size, (size_t)st.st_size - *size)) > 0 || (got < 0 && errno == EINTR)))
			*size += got > 0 ? (size_t)got : 0;
		if (*size < (size_t)st.st_size) {
			cpl_fail(error, CPL_E_IO, "%s: it cannot be read to its end", path);
			CPL_FREE(bytes);
		}
	}
	close(fd);
	return bytes;
}

static char *path_of(const struct directory *d, const char *store, const char *ending)
{
	return cpl_asprintf("%s/%s/%s/%s.%s", d->path, d->host, store, d->file, ending);
}

/* The text goes with the arena. */
static const struct lua_value *load(struct prosody_source *source, const char *store, struct cpl_arena *arena, struct cpl_error *error)
{
	struct directory *d = CPL_CONTAINER(source, struct directory, source);
	char *path = path_of(d, store, "dat");
	const struct lua_value *value = NULL;
	struct cpl_error fault = {0};
	size_t size;
	char *bytes = read_whole(path, &size, error);

	if (bytes) {
		value = lua_parse(cpl_arena_copy(arena, (struct cpl_str){bytes, size}), arena, &fault);
		if (!value)
			cpl_fail(error, CPL_E_CORRUPT, "%s: %s", path, fault.text);
		explicit_bzero(bytes, size);
	}
	cpl_free(bytes);
	cpl_free(path);
	return value;
}

static int64_t when_of(const struct lua_value *stanza)
{
	const struct lua_value *when = lua_get(stanza, "when");
	struct cpl_str stamp = lua_text(lua_get(stanza, "attr"), "stamp");
	int64_t ms;

	if (when && when->type == LUA_NUMBER)
		return (int64_t)when->number;
	return stamp.ptr && cpl_time_parse(stamp, &ms) ? ms / 1000 : 0;
}

static void each_offline(struct prosody_source *source, struct record *record)
{
	struct directory *d = CPL_CONTAINER(source, struct directory, source);
	char *path = path_of(d, "offline", "list");
	struct cpl_error error = {0};
	size_t size;
	char *bytes = read_whole(path, &size, &error);
	struct lua_list list = {.text = {bytes, size}};

	while (bytes) {
		struct cpl_arena *arena = cpl_arena_create();
		const struct lua_value *stanza = lua_next(&list, arena, &error);

		if (stanza)
			prosody_offline(record, stanza, when_of(stanza));
		cpl_arena_destroy(&arena);
		if (!stanza)
			break;
	}
	if (error.code)
		record_fault(record, "its offline messages cannot be read: %s: %s", path, error.text);
	cpl_free(bytes);
	cpl_free(path);
}

/* The names of stores are encoded as those of accounts are. */
static char *encode(const char *name)
{
	struct cpl_buf out = {0};

	for (; *name; name++) {
		if ((*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') || *name == '_')
			cpl_buf_add_char(&out, *name);
		else
			cpl_buf_addf(&out, "%%%02x", (unsigned char)*name);
	}
	return cpl_buf_take(&out);
}

static void each_item(struct prosody_source *source, const char *node, struct cpl_arena *arena,
		      void (*item)(void *data, struct cpl_str key, const struct lua_value *stanza), void *data)
{
	struct directory *d = CPL_CONTAINER(source, struct directory, source);
	char *name = encode(node), *store = cpl_asprintf("pep_%s", name), *path = path_of(d, store, "list");
	struct cpl_error error = {0};
	size_t size;
	char *bytes = read_whole(path, &size, &error);
	struct lua_list list = {.text = cpl_arena_copy(arena, (struct cpl_str){bytes, size})};
	const struct lua_value *stanza;

	while (bytes && (stanza = lua_next(&list, arena, &error)))
		item(data, lua_text(stanza, "key"), stanza);
	if (error.code)
		record_fault(d->record, "its items of the node %s cannot be read: %s: %s", node, path, error.text);
	cpl_free(bytes);
	cpl_free(path);
	cpl_free(store);
	cpl_free(name);
}

/* ---- accounts ---- */

static void read_account(struct directory *d, struct cpl_str host, const char *file)
{
	char *name = cpl_strdup((struct cpl_str){file, strlen(file) - 4}), *path;
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_error error = {0};
	const struct lua_value *account;
	struct cpl_buf local = {0};

	d->file = name;
	path = path_of(d, "accounts", "dat");
	if (!decode(cpl_str_of(name), &local)) {
		record_fault(d->record, "%s: its name is not as Prosody encodes those of accounts", path);
	} else if ((account = load(&d->source, "accounts", arena, &error)) && account->type == LUA_TABLE) {
		record_begin(d->record, host, cpl_buf_str(&local), prosody_password(account), path, 0);
		prosody_account(&d->source, d->record, account);
		record_end(d->record);
	} else {
		record_fault(d->record, "%.*s@%.*s: not imported: %s", CPL_ARG(cpl_buf_str(&local)), CPL_ARG(host), error.code ? error.text : "its data are no table");
	}
	cpl_arena_destroy(&arena);
	cpl_buf_finish(&local);
	cpl_free(path);
	cpl_free(name);
}

static int is_data(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 4 && strcmp(entry->d_name + len - 4, ".dat") == 0;
}

static int is_host(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* False: there is no such folder. */
static bool read_host(struct directory *d, const char *host)
{
	char *folder = cpl_asprintf("%s/%s/accounts", d->path, host);
	struct dirent **entries;
	int count = scandir(folder, &entries, is_data, alphasort);
	struct cpl_buf name = {0};

	if (count >= 0 && !decode(cpl_str_of(host), &name))
		record_fault(d->record, "%s: its name is not as Prosody encodes those of hosts", folder);
	d->host = host;
	for (int i = 0; i < count; i++) {
		if (name.len)
			read_account(d, cpl_buf_str(&name), entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	else if (errno != ENOENT && errno != ENOTDIR)
		record_fault(d->record, "%s: %s", folder, strerror(errno));
	cpl_buf_finish(&name);
	cpl_free(folder);
	return count >= 0;
}

void prosody_read_directory(struct record *record, const char *path, char **reason)
{
	struct directory d = {.source = {load, each_offline, each_item}, .record = record, .path = path};
	struct dirent **entries;
	int count = scandir(path, &entries, is_host, alphasort);
	unsigned hosts = 0;

	*reason = NULL;
	for (int i = 0; i < count; i++) {
		hosts += read_host(&d, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (count < 0)
		*reason = cpl_asprintf("%s: %s", path, strerror(errno));
	else if (!hosts && !record->faults)
		*reason = cpl_asprintf("%s: there is no folder HOST/accounts in it: is it the data directory of a Prosody with storage \"internal\"?", path);
}
