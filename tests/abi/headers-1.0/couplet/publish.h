/* SPDX-License-Identifier: MIT */
/*
 * Events of modules: what one module publishes and others hear.
 *
 * The publishing module has a public header that declares the event, once, for itself and for all who hear it:
 *
 *     struct weather_turned {
 *         size_t size;
 *         int degrees;
 *     };
 *     CPL_PUBLIC_EVENT(weather, turned, struct weather_turned, NOTIFY);
 *
 * It lists CPL_PUBLISH(weather, turned, "The weather is another one.") in its descriptor and fires the event with cpl_publish_weather_turned(host, &payload). Another
 * module lists CPL_HEAR(weather, turned, on_turned, FEATURE, 0): a handler that is no cpl_on_weather_turned does not compile. The flow is one of those in
 * <couplet/event.h>, and order and dispatch are the same, but such an event cannot be suspended.
 *
 * The payload begins with `size_t size`, which firing fills in: it may grow at the end, and who hears it was perhaps built for a shorter one. Event
 * and hearers are found by name, "weather.turned", when tables are made. Either module may be unloaded or reloaded at any time: without its publisher an event is not
 * fired, and without hearers firing it does nothing. A payload that is shorter than a hearer's, or another flow, is refused when the second of the two is loaded.
 */
#ifndef COUPLET_PUBLISH_H
#define COUPLET_PUBLISH_H

#include <couplet/event.h>

enum cpl_event_flow { CPL_FLOW_NOTIFY, CPL_FLOW_FILTER, CPL_FLOW_ASK, CPL_FLOW_COLLECT };

/* An event, as one module knows it. Made by CPL_PUBLIC_EVENT, one per event and module, however many of the module's files include the header. */
struct cpl_event_ref {
	const char *name;    /* "MODULE.EVENT" */
	enum cpl_event_flow flow;
	uint32_t size;       /* of the payload that this module was built for */
	uint16_t id;         /* filled in at load; 0: neither published nor heard by this module, then firing does nothing */
};

/* Rows of a descriptor. */
struct cpl_publish_row {
	struct cpl_event_ref *event;
	const char *summary; /* one sentence */
};
struct cpl_hear_row {
	struct cpl_event_ref *event;
	uint8_t stage;
	int16_t number;
	void (*handler)(void);
};

#define CPL_PUBLIC_EVENT(module, event, payload, flow)                                                                           \
	_Static_assert(offsetof(payload, size) == 0 && sizeof(((payload *)0)->size) == sizeof(size_t), "a payload begins with its size"); \
	__extension__ typedef CPL_RETURN_##flow cpl_on_##module##_##event(struct cpl_module *self, payload *ev);                 \
	__attribute__((weak, visibility("hidden"))) struct cpl_event_ref cpl_event_##module##_##event = {                        \
		#module "." #event, CPL_FLOW_##flow, sizeof(payload), 0};                                                        \
	CPL_PUBLISHER_##flow(module, event, payload)                                                                             \
	_Static_assert(true, "for the semicolon")

#define CPL_PUBLISH(module, event, summary)                                                                                      \
	{                                                                                                                        \
		&cpl_event_##module##_##event, summary                                                                           \
	}
#define CPL_PUBLISH_END                                                                                                          \
	{                                                                                                                        \
		NULL, NULL                                                                                                       \
	}
#define CPL_HEAR(module, event, function, order, order_number)                                                                   \
	{                                                                                                                        \
		&cpl_event_##module##_##event, CPL_STAGE_##order, order_number,                                                  \
			(void (*)(void))_Generic((function), cpl_on_##module##_##event *: (function))                            \
	}
#define CPL_HEAR_END                                                                                                             \
	{                                                                                                                        \
		NULL, 0, 0, NULL                                                                                                 \
	}

/* ---- firing, as CPL_PUBLIC_EVENT makes it: cpl_publish_MODULE_EVENT(host, payload) ---- */

#define CPL_PUBLISHER_NOTIFY(module, event, payload)                                                                             \
	static inline __attribute__((unused)) void cpl_publish_##module##_##event(struct cpl_host *where, payload *ev)            \
	{                                                                                                                        \
		ev->size = sizeof(*ev);                                                                                          \
		if (cpl_event_##module##_##event.id)                                                                             \
			cpl_event_notify(where, cpl_event_##module##_##event.id, ev);                                             \
	}
#define CPL_PUBLISHER_COLLECT(module, event, payload) CPL_PUBLISHER_NOTIFY(module, event, payload)
#define CPL_PUBLISHER_FILTER(module, event, payload)                                                                             \
	static inline __attribute__((unused)) enum cpl_flow cpl_publish_##module##_##event(struct cpl_host *where, payload *ev)   \
	{                                                                                                                        \
		ev->size = sizeof(*ev);                                                                                          \
		return cpl_event_##module##_##event.id ? cpl_event_filter(where, cpl_event_##module##_##event.id, ev) : CPL_NEXT; \
	}
#define CPL_PUBLISHER_ASK(module, event, payload)                                                                                \
	static inline __attribute__((unused)) enum cpl_answer cpl_publish_##module##_##event(struct cpl_host *where, payload *ev) \
	{                                                                                                                        \
		ev->size = sizeof(*ev);                                                                                          \
		return cpl_event_##module##_##event.id ? cpl_event_ask(where, cpl_event_##module##_##event.id, ev) : CPL_NO_OPINION; \
	}

#endif
