/* SPDX-License-Identifier: MIT */
/*
 * witness, a module that is built against the headers of a minor version and must do its work in every later server: `coupletctl witness check` goes
 * through options, slots, timers, jobs, requests, events and texts and says what does not fit.
 */
#include <couplet/module.h>
#include <string.h>

struct witness_config {
	bool flag;
	int64_t number, time;
	struct cpl_str text;
	int choice;
	struct cpl_str_list list;
};

static const char *const choices[] = {"one", "two", NULL};
static const struct cpl_option options[] = {
	CPL_OPT_BOOL(struct witness_config, flag, "true", CPL_RELOADABLE, "A truth."),
	CPL_OPT_INT(struct witness_config, number, "42", "1", "100", CPL_RELOADABLE, "A number."),
	CPL_OPT_TIME(struct witness_config, time, "2s", "1s", "1m", CPL_RELOADABLE, "A time."),
	CPL_OPT_STRING(struct witness_config, text, "plain", CPL_RELOADABLE, "A text."),
	CPL_OPT_ENUM(struct witness_config, choice, "two", choices, CPL_RELOADABLE, "A choice."),
	CPL_OPT_LIST(struct witness_config, list, "a, b", CPL_RELOADABLE, "Texts."),
	CPL_OPT_END,
};

struct visits {
	int count;
};
CPL_SLOT(visits_slot, HOST, struct visits, 1, NULL);
static struct cpl_slot *const slots[] = {&visits_slot, NULL};

CPL_NAME(question_name, "urn:example:witness", "question");
static struct cpl_name *const names[] = {&question_name, NULL};

/* One check at a time, from the command to its end: each step starts the next. */
struct check {
	struct cpl_call timer, job;
	struct cpl_iq_call iq;
	struct cpl_invocation *in;
	struct cpl_host *host;
	bool heard; /* the event iq was seen */
};

struct block {
	int64_t in, out;
};

static struct check *current;

static void end(struct check *check, const char *fault)
{
	struct cpl_invocation *in = check->in;

	current = NULL;
	cpl_free(check);
	if (fault) {
		cpl_refuse(in, "%s", fault);
		return;
	}
	cpl_say(in, "all is well");
	cpl_done(in);
}

static enum cpl_flow on_question(struct cpl_module *self, struct cpl_ev_stanza *ev)
{
	struct cpl_stanza *answer = cpl_iq_result(ev);

	CPL_SLOT_MAKE(ev->event.host, visits_slot)->count++;
	cpl_add_with_text(answer, answer->root, &question_name, CPL_STR("to be"));
	cpl_send(&answer);
	return CPL_HANDLED;
}

static const struct cpl_iq_row iqs[] = {
	{CPL_IQ_GET, CPL_TO_HOST, &question_name, on_question, 0},
	{0, 0, NULL, NULL, 0},
};

static const struct cpl_feature_row features[] = {
	{"urn:example:witness", CPL_OF_HOST},
	{NULL, 0},
};

static void on_disco(struct cpl_module *self, struct cpl_ev_disco *ev)
{
	if (current)
		current->heard = ev->host == current->host && ev->query != NULL;
}

static const struct cpl_event_row events[] = {
	CPL_ON(disco_info, on_disco, OBSERVE, 7),
	CPL_ON_END,
};

static void on_answer(struct cpl_call *call)
{
	struct cpl_iq_call *iq = CPL_CONTAINER(call, struct cpl_iq_call, call);
	struct check *check = CPL_CONTAINER(iq, struct check, iq);
	struct cpl_arena *arena;
	bool right;

	if (call->status < 0) {
		end(check, "the request was not answered");
		return;
	}
	arena = cpl_arena_create();
	right = cpl_str_is(cpl_child_text(iq->answer->root, &question_name, arena), "to be") && iq->answer->kind == CPL_IQ &&
		iq->answer->type == CPL_TYPE_RESULT && CPL_SLOT_GET(check->host, visits_slot)->count > 0;
	cpl_arena_destroy(&arena);
	end(check, right ? NULL : "the answer is wrong");
}

static void on_job(struct cpl_call *call)
{
	struct check *check = CPL_CONTAINER(call, struct check, job);
	const struct block *block = cpl_job_block(call);
	struct cpl_stanza *question;

	if (call->status < 0 || block->out != 2 * block->in) {
		end(check, "the job went wrong");
		return;
	}
	question = cpl_stanza_create(CPL_IQ, CPL_TYPE_GET);
	cpl_stanza_set_from(question, check->host->jid);
	cpl_stanza_set_to(question, check->host->jid);
	cpl_add(question, question->root, &question_name);
	if (cpl_iq_send(&check->iq, &check->host->scope, &question, 5000, on_answer) < 0)
		end(check, "the request was refused");
}

static void work(void *data)
{
	struct block *block = data;

	block->out = 2 * block->in;
}

static void on_timer(struct cpl_call *call)
{
	struct check *check = CPL_CONTAINER(call, struct check, timer);
	const struct block block = {21, 0};

	if (call->status < 0)
		end(check, "the timer went wrong");
	else if (cpl_job_start(&check->job, &check->host->scope, work, &block, sizeof(block), NULL, on_job) < 0)
		end(check, "the job was refused");
}

static const char *check_options(const struct witness_config *config)
{
	if (!config->flag || config->number != 42 || config->time != 2000 || !cpl_str_is(config->text, "plain") || config->choice != 1)
		return "an option has another value";
	if (config->list.count != 2 || !cpl_str_is(config->list.items[1], "b"))
		return "a list has other items";
	return NULL;
}

static const char *check_texts(void)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct cpl_stanza *message = cpl_stanza_create(CPL_MESSAGE, CPL_TYPE_CHAT);
	struct cpl_buf text = {0};
	struct cpl_map map = {0};
	struct cpl_jid jid;
	const char *fault = NULL;
	int value = 5;

	if (cpl_jid_parse(&jid, CPL_STR("ROMEO@Example.org/Orchard"), arena) < 0 || !cpl_str_is(cpl_jid_local(jid), "romeo") ||
	    !cpl_str_is(cpl_jid_str(cpl_jid_bare(jid)), "romeo@example.org"))
		fault = "an address is read wrongly";
	cpl_stanza_set_to(message, jid);
	cpl_attr_set(message, cpl_add(message, message->root, &question_name), "kind", CPL_STR("<&>"));
	cpl_stanza_write(message, CPL_NS_CLIENT, &text);
	if (!fault && (!strstr(text.ptr, "to='romeo@example.org/Orchard'") || !strstr(text.ptr, "urn:example:witness") || !strstr(text.ptr, "&lt;&amp;")))
		fault = "a stanza is written wrongly";
	cpl_map_put(&map, CPL_STR("key"), &value);
	if (!fault && (cpl_map_get(&map, CPL_STR("key")) != &value || map.count != 1))
		fault = "a map does not find";
	cpl_map_finish(&map);
	cpl_buf_finish(&text);
	cpl_stanza_unref(&message);
	cpl_arena_destroy(&arena);
	return fault;
}

static void run_check(struct cpl_module *self, struct cpl_invocation *in)
{
	size_t at = 0;
	struct cpl_host *host = cpl_host_next(&at);
	struct cpl_stanza *answer = cpl_stanza_create(CPL_IQ, CPL_TYPE_RESULT);
	struct cpl_ev_disco disco = {.host = host, .answer = answer, .query = answer->root};
	const char *fault = check_options(CPL_CONFIG(self, host, struct witness_config));

	if (!fault)
		fault = check_texts();
	if (fault || current) {
		cpl_refuse(in, "%s", fault ? fault : "a check is under way");
	} else {
		current = CPL_NEW(struct check);
		current->in = in;
		current->host = host;
		cpl_fire_disco_info(host, &disco);
		if (!current->heard)
			end(current, "the event was not heard");
		else if (cpl_timer_start(&current->timer, &host->scope, 1, on_timer) < 0)
			end(current, "the timer was refused");
	}
	cpl_stanza_unref(&answer);
}

static const struct cpl_command commands[] = {
	{"witness check", "Checks what the headers promise.", NULL, NULL, 0, run_check},
	CPL_COMMAND_END,
};

CPL_MODULE(witness) = {
	CPL_MODULE_HEAD("witness", "1.0", "A module of a former minor version of the API"),
	.names = names,
	.options = options,
	.config_size = sizeof(struct witness_config),
	.events = events,
	.iqs = iqs,
	.features = features,
	.commands = commands,
	.slots = slots,
};
