/* SPDX-License-Identifier: MIT */
/* A module's options: their defaults and bounds must work, what is beyond them must be refused with the place where it stands. */
#include "core/test/run.h"

#include "core/config/value.h"

/* What an option is given, and what shall come of it. */
struct trial {
	const char *option, *value; /* value NULL: it is left out */
	bool good;
};

/* Is this line of options about one of that name? */
static bool is_about(struct cpl_str line, const char *name)
{
	size_t len = strlen(name);

	return cpl_str_starts(line, cpl_str_of(name)) && line.len > len && line.ptr[len] == ':';
}

static bool is_required(const struct run *run, struct cpl_str line)
{
	for (const struct cpl_option *option = run->options; option && option->name; option++)
		if ((option->flags & CPL_REQUIRED) && is_about(line, option->name))
			return true;
	return false;
}

/* The option on the first line, below it those of the test that are required. */
static char *options_of(const struct run *run, const struct trial *trial)
{
	struct cpl_str rest = cpl_str_of(run->test->options), line;
	struct cpl_buf text = {0};

	if (trial->value)
		cpl_buf_addf(&text, "%s: %s", trial->option, trial->value);
	while (cpl_str_split(&rest, '\n', &line))
		if (is_required(run, line) && !(trial->option && is_about(line, trial->option)))
			cpl_buf_addf(&text, "%s%.*s", text.len ? "\n" : "", CPL_ARG(line));
	return text.ptr ? cpl_buf_take(&text) : cpl_strdup(CPL_STR(""));
}

static bool names_place(const char *refusal, const char *option)
{
	const char *place = strstr(refusal, "/couplet.yml:");

	return place && place[sizeof("/couplet.yml:") - 1] >= '1' && place[sizeof("/couplet.yml:") - 1] <= '9' && strstr(refusal, option);
}

/* The line of an option that is given. */
static bool names_line(const char *refusal, const char *option)
{
	return strstr(refusal, "/couplet.yml:2: ") && strstr(refusal, option);
}

static void judge(const struct run *run, const struct trial *trial, bool started, const char *refusal)
{
	if (started && !trial->good)
		testcore_complain("the server starts with it");
	/* A rule of the module's own may forbid what its table allows; it must say where, too. */
	if (!started && trial->good && !(run->has_check && trial->option && names_place(refusal, trial->option)))
		testcore_complain("the server does not start:\n%s", refusal);
	if (!started && !trial->good && !(trial->value ? names_line : names_place)(refusal, trial->option))
		testcore_complain("it is refused, but not as couplet.yml:LINE: with its name:\n%s", refusal);
}

static void test_trial(const struct run *run, const void *data, unsigned n)
{
	const struct trial *trial = data;
	char *options = options_of(run, trial);
	struct testcore_setup setup = run_setup(run, options);
	struct cpl_buf refusal = {0};
	bool started;

	testlog_open();
	started = testcore_open(&setup, &refusal);
	judge(run, trial, started, refusal.ptr ? refusal.ptr : "");
	cpl_buf_finish(&refusal);
	testcore_close();
	testlog_close(false);
	cpl_free(options);
}

static void try(struct run *run, const char *option, const char *value, bool good, const char *how)
{
	struct trial trial = {option, value, good};
	char *title = cpl_asprintf("option %s %s%s%s: %s", option, how, value ? ", " : "", value && strlen(value) < 40 ? value : value ? "..." : "",
				   good ? "works" : "refused");

	run_test(run, title, test_trial, &trial);
	cpl_free(title);
}

static void try_free(struct run *run, const struct cpl_option *option, char *value, bool good, const char *how)
{
	try(run, option->name, value, good, how);
	cpl_free(value);
}

/* As YAML has it between single quotes. */
static char *quoted(const char *text)
{
	struct cpl_buf buf = {0};

	cpl_buf_add_char(&buf, '\'');
	for (; *text; text++)
		cpl_buf_addf(&buf, *text == '\'' ? "''" : "%c", *text);
	cpl_buf_add_char(&buf, '\'');
	return cpl_buf_take(&buf);
}

/* In the base unit, one more or less than a bound. */
static char *number_text(const struct cpl_option *option, int64_t number)
{
	return cpl_asprintf("%lld%s", (long long)number, option->kind == CPL_OPTION_TIME ? "ms" : "");
}

static void try_numbers(struct run *run, const struct cpl_option *option)
{
	int64_t bound;

	if (option->min && config_value_number(option->kind, cpl_str_of(option->min), &bound)) {
		try(run, option->name, option->min, true, "at its least");
		if (bound > INT64_MIN)
			try_free(run, option, number_text(option, bound - 1), false, "below its least");
	}
	if (option->max && config_value_number(option->kind, cpl_str_of(option->max), &bound)) {
		try(run, option->name, option->max, true, "at its most");
		if (bound < INT64_MAX)
			try_free(run, option, number_text(option, bound + 1), false, "above its most");
	}
	try(run, option->name, "wrong", false, "as a word");
	try(run, option->name, "[1]", false, "as a list");
}

/* So many letters. */
static char *letters(int64_t count)
{
	struct cpl_buf buf = {0};

	cpl_buf_add_char(&buf, '\'');
	while (count-- > 0)
		cpl_buf_add_char(&buf, 'a');
	cpl_buf_add_char(&buf, '\'');
	return cpl_buf_take(&buf);
}

static void try_strings(struct run *run, const struct cpl_option *option)
{
	enum { LENGTH_MAX = 65536 };
	int64_t bound;

	if (option->min && config_value_number(CPL_OPTION_INT, cpl_str_of(option->min), &bound) && bound > 0 && bound <= LENGTH_MAX) {
		try_free(run, option, letters(bound), true, "of its least length");
		try_free(run, option, letters(bound - 1), false, "shorter than its least");
	}
	if (option->max && config_value_number(CPL_OPTION_INT, cpl_str_of(option->max), &bound) && bound < LENGTH_MAX) {
		try_free(run, option, letters(bound), true, "of its most length");
		try_free(run, option, letters(bound + 1), false, "longer than its most");
	}
	try(run, option->name, "[a, b]", false, "as a list");
}

static void try_words(struct run *run, const struct cpl_option *option)
{
	struct cpl_buf every = {0};

	for (const char *const *word = option->values; word && *word; word++) {
		if (option->kind == CPL_OPTION_ENUM)
			try(run, option->name, *word, true, "as one of its words");
		cpl_buf_addf(&every, "%s%s", every.len ? ", " : "[", *word);
	}
	cpl_buf_addf(&every, "]");
	if (option->kind == CPL_OPTION_ENUMS)
		try(run, option->name, every.ptr, true, "with all its words");
	cpl_buf_finish(&every);
	try(run, option->name, "no_word_of_its_own", false, "as another word");
}

static void try_option(struct run *run, const struct cpl_option *option)
{
	if (option->fallback && option->kind != CPL_OPTION_LIST && option->kind != CPL_OPTION_ENUMS)
		try_free(run, option, quoted(option->fallback), true, "at its default");
	else if (option->fallback)
		try_free(run, option, cpl_asprintf("[%s]", option->fallback), true, "at its default");
	if (option->flags & CPL_REQUIRED)
		try(run, option->name, NULL, false, "left out");
	switch (option->kind) {
	case CPL_OPTION_INT:
	case CPL_OPTION_TIME:
	case CPL_OPTION_SIZE:
		try_numbers(run, option);
		break;
	case CPL_OPTION_STRING:
	case CPL_OPTION_SECRET:
		try_strings(run, option);
		break;
	case CPL_OPTION_BOOL:
		try(run, option->name, "true", true, "on");
		try(run, option->name, "false", true, "off");
		try(run, option->name, "yes", false, "as a word");
		break;
	case CPL_OPTION_ENUM:
	case CPL_OPTION_ENUMS:
		try_words(run, option);
		break;
	case CPL_OPTION_JID:
		try(run, option->name, "'@'", false, "as no address");
		break;
	case CPL_OPTION_LIST:
		try(run, option->name, "{a: b}", false, "as a mapping");
		break;
	}
}

void run_options(struct run *run)
{
	static const struct trial nothing = {NULL, NULL, true};

	run_test(run, "starts and stops with its default options", test_trial, &nothing);
	for (const struct cpl_option *option = run->options; option && option->name; option++)
		try_option(run, option);
}
