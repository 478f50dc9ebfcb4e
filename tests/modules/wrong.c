/* SPDX-License-Identifier: MIT */
/* A module that is wrong on purpose; KIND says how. With 0 it is right; what is wrong with 18 is how it is linked (-z nodelete). */
#include <couplet/module.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOADS = 101, RELOADS = 30 }; /* how often the tests of loads and reloads do it, the first time included */

/* One of each kind: each is tried in its own ways. */
struct wrong_config {
	int64_t least, period, room;
	bool loud;
	int colour;
	struct cpl_enum_list colours;
	struct cpl_str motto, word;
	struct cpl_jid friend;
	struct cpl_str_list others;
};
static const char *const colours[] = {"red", "blue", NULL};
static struct cpl_option options[] = {
	CPL_OPT_INT(struct wrong_config, least, "5", "1", "10", CPL_RELOADABLE, "A number."),
	CPL_OPT_TIME(struct wrong_config, period, "1m", "1s", "1h", CPL_RELOADABLE, "A time."),
	CPL_OPT_SIZE(struct wrong_config, room, "1K", "1", "1M", CPL_RELOADABLE, "A size."),
	CPL_OPT_BOOL(struct wrong_config, loud, "false", CPL_RELOADABLE, "A choice."),
	CPL_OPT_ENUM(struct wrong_config, colour, "red", colours, CPL_RELOADABLE, "A word of some."),
	CPL_OPT_ENUMS(struct wrong_config, colours, "red", colours, CPL_RELOADABLE, "Words of some."),
	{"motto", CPL_OPTION_STRING, CPL_FIELD(struct wrong_config, motto, struct cpl_str), "plain", "2", "8", NULL, CPL_RELOADABLE, "A text of some length."},
	CPL_OPT_SECRET(struct wrong_config, word, CPL_REQUIRED | CPL_RELOADABLE, "A secret, which must be given."),
	CPL_OPT_JID(struct wrong_config, friend, CPL_RELOADABLE, "An address."),
	CPL_OPT_LIST(struct wrong_config, others, "", CPL_RELOADABLE, "Texts."),
	CPL_OPT_END,
};

/* 14, 15: the server gets another table than the one that the tests are made of, which is that of the first process. */
static __attribute__((constructor)) void be_two_faced(void)
{
	if ((KIND == 14 || KIND == 15) && getenv("WRONG_SEEN"))
		options[0].min = "0";
	setenv("WRONG_SEEN", "yes", 1);
}

CPL_NAME(query_name, "urn:example:wrong", "query");
static struct cpl_name *const names[] = {&query_name, NULL};

static const struct cpl_column columns[] = {{"count", CPL_COLUMN_INTEGER, false}, {NULL, CPL_COLUMN_TEXT, false}};
static const struct cpl_store store = {"wrong", CPL_STORE_KEYVAL, 1, columns, NULL};
static const struct cpl_store *const stores[] = {&store, NULL};

static int64_t count;
static bool hurt;

struct writing {
	struct cpl_store_call call; /* the reading, then the commit */
	struct cpl_stanza *answer, *question;
	void *room;
};

static void finish(struct writing *writing)
{
	cpl_stanza_unref(&writing->answer);
	cpl_stanza_unref(&writing->question);
	cpl_free(writing->room);
	cpl_free(writing);
}

static void written(struct cpl_call *call)
{
	struct writing *writing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct writing, call);

	/* 16: whoever comes later has to do with it, too. */
	hurt = KIND == 16 && call->status != 0;
	/* 6: a write that fails is not looked at, and the one who asks hears nothing; or it is answered. */
	if (call->status == 0)
		cpl_send(&writing->answer);
	else if (KIND == 6)
		cpl_log_error("it could not be written");
	else
		cpl_bounce(writing->question, CPL_INTERNAL_SERVER_ERROR, NULL);
	finish(writing);
}

static void has_read(struct cpl_call *call)
{
	struct writing *writing = CPL_CONTAINER(CPL_CONTAINER(call, struct cpl_store_call, call), struct writing, call);
	struct cpl_batch *batch = cpl_batch_create();
	struct cpl_value value = CPL_INTEGER(count);

	cpl_batch_set(batch, &store, cpl_jid_bare(writing->question->from), CPL_NONE, &value);
	/* 9: what was not read is not there. */
	if (call->status != 0 && KIND == 9)
		cpl_log_error("it could not be read");
	if (call->status == 0 && cpl_batch_commit(&writing->call, NULL, &batch, written) == 0)
		return;
	cpl_batch_destroy(&batch);
	cpl_bounce(writing->question, CPL_INTERNAL_SERVER_ERROR, NULL);
	finish(writing);
}

static void on_session_bound(struct cpl_module *self, struct cpl_ev_session *ev)
{
	if (hurt)
		cpl_session_close(ev->session, CPL_STREAM_INTERNAL_SERVER_ERROR, NULL);
}

static const struct cpl_event_row events[] = {
	CPL_ON(session_bound, on_session_bound, FEATURE, 0),
	CPL_ON_END,
};

static enum cpl_flow on_query(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct writing *writing;
	char text[16];

	/* 17: does not warn when that is wanted. */
	if (cpl_attr_get(cpl_first_child(ev->stanza->root), "loud").ptr) {
		if (KIND != 17)
			cpl_log_warn("as loud as it gets");
		return cpl_iq_error(ev, CPL_NOT_ACCEPTABLE, NULL);
	}
	writing = CPL_NEW(struct writing);
	writing->question = cpl_stanza_ref(ev->stanza);
	writing->room = cpl_try_alloc(100);
	/* 8: without room it is not answered, and what it has taken stays. */
	if (!writing->room && KIND == 8)
		return CPL_HANDLED;
	if (writing->room) {
		writing->answer = cpl_iq_result(ev);
		cpl_attr_set(writing->answer, writing->answer->root, "count", (text[0] = (char)('0' + ++count), text[1] = '\0', cpl_str_of(text)));
	}
	if (KIND == 1)
		cpl_alloc(100); /* nobody frees it */
	if (KIND == 2)
		cpl_session_ref(ev->session); /* nobody drops it */
	if (KIND == 4)
		cpl_log_warn("a query has come");
	if (writing->room && cpl_store_get(&writing->call, NULL, &store, cpl_jid_bare(ev->session->jid), CPL_NONE, has_read) == 0)
		return CPL_HANDLED;
	finish(writing);
	return cpl_iq_error(ev, CPL_RESOURCE_CONSTRAINT, NULL);
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

/* How often in this process, although the code is another each time. */
static int times(const char *what)
{
	const char *before = getenv(what);
	char number[16];

	snprintf(number, sizeof(number), "%d", before ? (int)strtol(before, NULL, 10) + 1 : 1);
	setenv(what, number, 1);
	return (int)strtol(number, NULL, 10);
}

static int wrong_load(struct cpl_module *self, struct cpl_error *error)
{
	const struct wrong_config *config = CPL_CONFIG(self, NULL, struct wrong_config);

	/* 3: what the table of options allows is refused without a place. */
	if (KIND == 3 && config->least == 10)
		return cpl_fail(error, CPL_E_INVALID, "that is too much");
	if (KIND == 15 && config->least == 0)
		return cpl_fail(error, CPL_E_INVALID, "that is too little");
	/* 10, 11: once too often, of the times that are tried. */
	if (KIND == 10 && times("WRONG_LOADS") == LOADS)
		return cpl_fail(error, CPL_E_FULL, "not once more");
	return look_into_file(error);
}

struct pile {
	void *more;
};

static void pile_free(void *data)
{
	struct pile *pile = data;

	while (pile) {
		struct pile *next = pile->more;

		cpl_free(pile);
		pile = next;
	}
}
CPL_SLOT(pile_slot, HOST, struct pile, 1, pile_free);
static struct cpl_slot *const slots[] = {&pile_slot, NULL};

/* 12: each generation adds to what the host keeps of it. */
static void wrong_start(struct cpl_module *self, struct cpl_host *host)
{
	struct pile *pile = CPL_SLOT_MAKE(host, pile_slot), *one;

	if (KIND != 12)
		return;
	one = CPL_NEW(struct pile);
	one->more = pile->more;
	pile->more = one;
}

/* 13: its end is that of everybody. */
static void wrong_unload(struct cpl_module *self)
{
	for (struct cpl_session *s = cpl_session_next(NULL); KIND == 13 && s; s = cpl_session_next(s))
		cpl_session_close(s, CPL_STREAM_RESET, NULL);
}

static void wrong_save(struct cpl_module *self, struct cpl_bag *bag)
{
	cpl_bag_put_int(bag, "count", count);
}

static int wrong_restore(struct cpl_module *self, const struct cpl_bag *bag, unsigned schema, struct cpl_error *error)
{
	if (KIND == 11 && times("WRONG_RELOADS") == RELOADS)
		return cpl_fail(error, CPL_E_FULL, "not once more");
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
	.events = events,
	.iqs = iqs,
	.stores = stores,
	.slots = slots,
	.start = wrong_start,
	.unload = wrong_unload,
	.load = wrong_load,
	.save = wrong_save,
	.restore = wrong_restore,
};
