/* SPDX-License-Identifier: MIT */
/* Entity Time (XEP-0202). */
#include <couplet/module.h>

#include <stdlib.h>
#include <time.h>

CPL_NAME(time_name, "urn:xmpp:time", "time");
CPL_NAME(tzo_name, "urn:xmpp:time", "tzo");
CPL_NAME(utc_name, "urn:xmpp:time", "utc");
static struct cpl_name *const names[] = {&time_name, &tzo_name, &utc_name, NULL};

/* The server's offset from UTC in the form of XEP-0082: "Z", "+02:00", "-06:30". */
static struct cpl_str offset_text(int64_t now, struct cpl_arena *arena)
{
	time_t seconds = (time_t)(now / 1000);
	struct tm local;
	long minutes;

	if (!localtime_r(&seconds, &local) || local.tm_gmtoff / 60 == 0)
		return CPL_STR("Z");
	minutes = labs(local.tm_gmtoff / 60);
	return cpl_arena_printf(arena, "%c%02ld:%02ld", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60,
				minutes % 60);
}

static enum cpl_flow on_time(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *result = cpl_iq_result(ev);
	struct cpl_element *time = cpl_add(result, result->root, &time_name);
	char utc[CPL_TIME_TEXT];

	cpl_add_with_text(result, time, &tzo_name, offset_text(cpl_now(), result->arena));
	cpl_add_with_text(result, time, &utc_name, cpl_time_format(cpl_now(), utc));
	cpl_send(&result);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &time_name, on_time, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"urn:xmpp:time", CPL_OF_HOST},
	{NULL, 0},
};

CPL_MODULE(time) = {
	CPL_MODULE_HEAD("time", "1.0", "Entity Time (XEP-0202)"),
	.names = names,
	.iqs = iqs,
	.features = features,
};
