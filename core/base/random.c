/* SPDX-License-Identifier: MIT */
/* Random bytes from the kernel. */
#include <couplet/time.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void cpl_random_bytes(void *out, size_t size)
{
	char *at = out;

	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);

		if (got > 0) {
			at += got;
			size -= (size_t)got;
		} else if (got == 0 || errno != EINTR) {
			perror("couplet: the kernel gives no random bytes (getrandom)");
			abort();
		}
	}
}

struct cpl_str cpl_random_id(char buffer[CPL_ID_TEXT])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[16];
	unsigned bits = 0, have = 0, at = 0;

	cpl_random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bits = bits << 8 | bytes[i];
		for (have += 8; have >= 6; have -= 6)
			buffer[at++] = alphabet[bits >> (have - 6) & 63];
	}
	buffer[at++] = alphabet[bits << (6 - have) & 63];
	buffer[at] = '\0';
	return (struct cpl_str){buffer, at};
}
