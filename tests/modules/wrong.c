/* SPDX-License-Identifier: MIT */
/* A module that is wrong on purpose; KIND says how. With none it is right. */
#include <couplet/module.h>
#include <fcntl.h>
#include <unistd.h>

struct wrong_config {
	int64_t least;
};
static const struct cpl_option options[] = {
	CPL_OPT_INT(struct wrong_config, least, "5", "1", "10", CPL_RELOADABLE, "A number."),
	CPL_OPT_END,
};

CPL_NAME(query_name, "urn:example:wrong", "query");
static struct cpl_name *const names[] = {&query_name, NULL};

static const struct cpl_column columns[] = {{"count", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store store = {"wrong", CPL_STORE_KEYVAL, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&store, NULL};

static int64_t count;

struct writing {
	struct cpl_store_call commit;
	struct cpl_stanza *answer, *question;
};

static void written(struct cpl_call *call)
{
	struct writing *writing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct writing, commit);

	/* 6: a write that fails is not looked at, and the one who asks hears nothing; or it is answered. */
	if (call->status == 0)
		cpl_send(&writing->answer);
	else if (KIND == 6)
		cpl_log_error("it could not be written");
	else
		cpl_bounce(writing->question, CPL_INTERNAL_SERVER_ERROR, NULL);
	cpl_stanza_unref(&writing->answer);
	cpl_stanza_unref(&writing->question);
	cpl_free(writing);
}

static enum cpl_flow on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct writing *writing = CPL_NEW(struct writing);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_INTEGER(++count);
	char text[16];

	writing->answer = cpl_iq_result(ev);
	writing->question = cpl_stanza_ref(ev->stanza);
	cpl_attr_set(writing->answer, writing->answer->root, "count", (text[0] = (char)('0' + count), text[1] = '\0', cpl_str_of(text)));
	if (KIND == 1)
		cpl_alloc(100); /* nobody frees it */
	if (KIND == 2)
		cpl_session_ref(ev->session); /* nobody drops it */
	if (KIND == 4)
		cpl_log_warn("a query has come");
	cpl_batch_set(batch, &store, cpl_jid_bare(ev->session->jid), CPL_NONE, &value);
	if (cpl_batch_commit(&writing->commit, NULL, &batch, written) != 0)
		cpl_free(writing);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &query_name, on_query, 0},
	{0, 0, NULL, NULL, 0},
};

/* 7: what goes wrong on the way is no reason to tidy up. */
static int look_into_file(struct cpl_error *error)
{
	void *room = cpl_alloc(10);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	if (fd >= 0 || KIND != 7)
		cpl_free(room);
	return fd >= 0 ? 0 : cpl_fail(error, CPL_E_IO, "the file cannot be opened");
}

static int wrong_load(struct cpl_module *self, struct cpl_error *error)
{
	const struct wrong_config *config = CPL_CONFIG(self, NULL, struct wrong_config);

	/* 3: what the table of options allows is refused without a place. */
	if (KIND == 3 && config->least == 10)
		return cpl_fail(error, CPL_E_INVALID, "that is too much");
	return look_into_file(error);
}

static void wrong_save(struct cpl_module *self, struct cpl_bag *bag)
{
	cpl_bag_put_int(bag, "count", count);
}

static int wrong_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	/* 5: what the former generation knew is forgotten. */
	if (KIND != 5)
		cpl_bag_get_int(bag, "count", &count);
	return 0;
}

CPL_MODULE(wrong) = {
	CPL_MODULE_HEAD("wrong", "1.0", "A module that is wrong on purpose"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct wrong_config),
	.iqs = iqs,
	.stores = stores,
	.load = wrong_load,
	.save = wrong_save,
	.restore = wrong_restore,
};
