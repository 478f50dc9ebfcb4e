/* SPDX-License-Identifier: MIT */
/* Frames to bytes and back. */
#include "core/admin/frame.h"

void frame_add(struct cpl_buf *out, enum frame_type type, struct cpl_str payload)
{
	const char head[FRAME_HEAD] = {(char)(payload.len >> 24), (char)(payload.len >> 16), (char)(payload.len >> 8), (char)payload.len, (char)type};

	cpl_buf_add(out, (struct cpl_str){head, FRAME_HEAD});
	cpl_buf_add(out, payload);
}

int frame_take(struct cpl_str *bytes, size_t max, struct frame *frame)
{
	const unsigned char *b = (const unsigned char *)bytes->ptr;

	if (bytes->len < FRAME_HEAD)
		return 0;
	size_t len = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];

	if (len > max)
		return -1;
	if (bytes->len - FRAME_HEAD < len)
		return 0;
	frame->type = b[4];
	frame->payload = (struct cpl_str){bytes->ptr + FRAME_HEAD, len};
	*bytes = (struct cpl_str){frame->payload.ptr + len, bytes->len - FRAME_HEAD - len};
	return 1;
}
