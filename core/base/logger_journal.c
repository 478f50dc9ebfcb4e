/* SPDX-License-Identifier: MIT */
/* Lines to systemd's journal. */
#include "core/base/logger_journal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A line of the log is at most 4 KiB and stands in it twice, as message and as fields. */
enum { DATAGRAM = 16 * 1024, NAME_MAX_LEN = 32 };

struct datagram {
	char bytes[DATAGRAM];
	size_t len;
};

/* What does not fit is left out: a field is whole or not there. */
static void add(struct datagram *d, const char *prefix, struct cpl_str name, struct cpl_str value)
{
	size_t prefix_len = strlen(prefix), len = prefix_len + name.len + 1 + value.len + 1;
	char *to = d->bytes + d->len;

	if (d->len + len > sizeof(d->bytes))
		return;
	memcpy(to, prefix, prefix_len);
	to += prefix_len;
	for (size_t i = 0; i < name.len; i++)
		*to++ = (char)(name.ptr[i] >= 'a' && name.ptr[i] <= 'z' ? name.ptr[i] - 'a' + 'A' : name.ptr[i]);
	*to++ = '=';
	if (value.len)
		memcpy(to, value.ptr, value.len);
	to[value.len] = '\n';
	d->len += len;
}

static bool is_name(struct cpl_str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!((text.ptr[i] >= 'a' && text.ptr[i] <= 'z') || text.ptr[i] == '_' || (i && text.ptr[i] >= '0' && text.ptr[i] <= '9')))
			return false;
	return text.len > 0 && text.len <= NAME_MAX_LEN;
}

/* The next name=value or name="value" of *rest, which moves behind it; false at the end. What is neither is passed over. */
static bool next_field(struct cpl_str *rest, struct cpl_str *name, struct cpl_str *value)
{
	while (rest->len) {
		ptrdiff_t equals = cpl_str_find(*rest, '='), space = cpl_str_find(*rest, ' '), end;

		if (equals < 0)
			return false;
		if (space >= 0 && space < equals) {
			*rest = (struct cpl_str){rest->ptr + space + 1, rest->len - (size_t)space - 1};
			continue;
		}
		*name = (struct cpl_str){rest->ptr, (size_t)equals};
		*rest = (struct cpl_str){rest->ptr + equals + 1, rest->len - (size_t)equals - 1};
		bool quoted = rest->len && rest->ptr[0] == '"';

		if (quoted)
			*rest = (struct cpl_str){rest->ptr + 1, rest->len - 1};
		end = cpl_str_find(*rest, quoted ? '"' : ' ');
		*value = (struct cpl_str){rest->ptr, end < 0 ? rest->len : (size_t)end};
		*rest = end < 0 ? CPL_NONE : (struct cpl_str){rest->ptr + end + 1, rest->len - (size_t)end - 1};
		if (is_name(*name))
			return true;
	}
	return false;
}

int journal_open(const char *path, struct cpl_error *error)
{
	const struct timeval patience = {.tv_sec = 1};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) >= sizeof(address.sun_path))
		return cpl_fail(error, CPL_E_INVALID, "The path of the journal's socket is too long: %s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cpl_fail(error, CPL_E_IO, "No socket for the journal: %s", strerror(errno));
	/* Not connected: the journal may be started anew, and the next line finds it again. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int reason = errno;

		close(fd);
		return cpl_fail(error, CPL_E_IO, "The journal cannot be reached at %s: %s; use log.sink: stderr, file or syslog", path, strerror(reason));
	}
	connect(fd, &(struct sockaddr){.sa_family = AF_UNSPEC}, sizeof(struct sockaddr));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

bool journal_write(int fd, const char *path, int priority, struct cpl_str text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct datagram d = {.len = 0};
	char digit[2] = {(char)('0' + priority), 0};
	ptrdiff_t colon = cpl_str_find(text, ':');
	struct cpl_str rest = text, name, value;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	add(&d, "MESSAGE", CPL_STR(""), text);
	add(&d, "PRIORITY", CPL_STR(""), cpl_str_of(digit));
	add(&d, "SYSLOG_IDENTIFIER", CPL_STR(""), CPL_STR("couplet"));
	if (colon > 0)
		add(&d, "COUPLET_LOGGER", CPL_STR(""), (struct cpl_str){text.ptr, (size_t)colon});
	for (int i = 0; i < JOURNAL_FIELDS && next_field(&rest, &name, &value); i++)
		add(&d, "COUPLET_", name, value);
	return sendto(fd, d.bytes, d.len, MSG_NOSIGNAL, (struct sockaddr *)&address, sizeof(address)) == (ssize_t)d.len;
}
