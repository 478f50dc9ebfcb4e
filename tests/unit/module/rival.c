/* SPDX-License-Identifier: MIT */
/* rival, a module that claims what holder claims. It has a sundial, too. */
#include "note.h"

CPL_NAME(ask, "urn:example:holder", "ask");
static struct cpl_name *const names[] = {&ask, NULL};

static enum cpl_flow on_ask(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {{CPL_IQ_GET, CPL_TO_HOST, &ask, on_ask, 0}, {0}};

static int rival_load(struct cpl_module *self, struct cpl_error *error)
{
	test_note("rival.load");
	return 0;
}

static void rival_unload(struct cpl_module *self)
{
	test_note("rival.unload");
}

static const struct {
	size_t size;
} sundial = {sizeof(sundial)};
static const struct cpl_provide_row provides[] = {{"sundial", 1, &sundial}, {0}};

CPL_MODULE(rival) = {
	CPL_MODULE_HEAD("rival", "1.0", "A rival, for tests"),
	.names = names,
	.iqs = iqs,
	.provides = provides,
	.load = rival_load,
	.unload = rival_unload,
};
