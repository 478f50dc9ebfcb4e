/* SPDX-License-Identifier: MIT */
/* Files to trees: places, repeats, aliases and their bounds, includes, what is not YAML. */
#include "fixture.h"

static struct cpl_arena *arena;

static struct config_node *read_tree(struct fixture *f)
{
	arena = cpl_arena_create();
	return config_tree_read(f->path, arena, &f->report);
}

static void close_tree(struct fixture *f)
{
	cpl_arena_destroy(&arena);
	fixture_close(f);
}

static void nodes_know_their_place(void **state)
{
	struct fixture f;

	fixture_open(&f, "a: 1\nb:\n  - x\n  - {c: no, d: 12:30}\n");
	struct config_node *root = read_tree(&f);

	assert_no_faults(&f);
	struct config_node *b = config_node_get(root, CPL_STR("b"));

	assert_int_equal(b->kind, CONFIG_LIST);
	assert_int_equal(b->count, 2);
	struct config_node *d = config_node_get(b->items[1], CPL_STR("d"));

	assert_true(cpl_str_is(d->text, "12:30"));
	assert_true(cpl_str_is(config_node_get(b->items[1], CPL_STR("c"))->text, "no"));
	assert_int_equal(d->line, 4);
	assert_int_equal(d->column, 16);
	assert_true(strstr(d->file, "/couplet.yml"));
	close_tree(&f);
}

static void empty_file_is_empty_mapping(void **state)
{
	static const char *const texts[] = {"", "# nothing\n", "---\n", "~\n"};

	for (size_t i = 0; i < 4; i++) {
		struct fixture f;

		fixture_open(&f, texts[i]);
		struct config_node *root = read_tree(&f);

		assert_no_faults(&f);
		assert_int_equal(root->kind, CONFIG_MAP);
		assert_int_equal(root->count, 0);
		close_tree(&f);
	}
}

static void repeats_are_faults(void **state)
{
	struct fixture f;

	fixture_open(&f, "a: 1\nb: 2\na: 3\nc: {x: 1, y: 2, x: 3}\n");
	struct config_node *root = read_tree(&f);

	assert_reported(&f, "couplet.yml:3: \"a\" is given twice here, first in line 1");
	assert_reported(&f, "couplet.yml:4: \"x\" is given twice");
	assert_int_equal(f.report.errors, 2);
	assert_true(cpl_str_is(config_node_get(root, CPL_STR("a"))->text, "1"));
	assert_int_equal(root->count, 3);
	close_tree(&f);
}

static void aliases_stand_for_their_anchor(void **state)
{
	struct fixture f;

	fixture_open(&f, "a: &list [x, y]\nb: *list\n");
	struct config_node *root = read_tree(&f);

	assert_no_faults(&f);
	assert_int_equal(config_node_get(root, CPL_STR("b"))->count, 2);
	close_tree(&f);
}

static void refused(const char *text, const char *wanted)
{
	struct fixture f;

	fixture_open(&f, text);
	assert_null(read_tree(&f));
	assert_reported(&f, wanted);
	close_tree(&f);
}

static void what_is_not_accepted(void **state)
{
	refused("a: b: c\n", "couplet.yml:1: ");
	refused("a: [1, 2\nb: 3\n", "couplet.yml:2: ");
	refused("\tb: 3\n", "couplet.yml:1: ");
	refused("- a\n- b\n", "couplet.yml:1: the file must hold \"name: value\" lines, not a list");
	refused("hello\n", "couplet.yml:1: the file must hold");
	refused("a: 1\n---\nb: 2\n", "couplet.yml:2: a second document");
	refused("a: !!int 3\n", "couplet.yml:1: tags (!)");
	refused("a: 1\n? [x]\n: 2\n", "couplet.yml:2: the name of an option must be a single word");
	refused("a: \"x\\0y\"\n", "couplet.yml:1: a NUL byte");
	refused("a: *nowhere\n", "couplet.yml:1: an alias (*) for an anchor");
	refused("a: &me [*me]\n", "couplet.yml:1: an alias (*) inside of what it stands for");
	refused("a: \xff\xfe\n", "couplet.yml:1: ");
}

/* Ten lists, each of ten times the one before: 10^9 values from 400 bytes. */
static void alias_bomb_is_refused(void **state)
{
	struct cpl_buf text = {0};

	cpl_buf_add(&text, CPL_STR("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"));
	for (int i = 1; i < 10; i++) {
		cpl_buf_addf(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			cpl_buf_addf(&text, "%s*a%d", j ? "," : "", i - 1);
		cpl_buf_add(&text, CPL_STR("]\n"));
	}
	refused(text.ptr, "the configuration is too large");
	cpl_buf_finish(&text);
}

static void depth_is_bounded(void **state)
{
	struct cpl_buf text = {0};

	cpl_buf_add(&text, CPL_STR("a: "));
	for (int i = 0; i < 30; i++)
		cpl_buf_add_char(&text, '[');
	for (int i = 0; i < 30; i++)
		cpl_buf_add_char(&text, ']');
	struct fixture f;

	fixture_open(&f, text.ptr);
	assert_non_null(read_tree(&f));
	close_tree(&f);
	cpl_buf_clear(&text);
	cpl_buf_add(&text, CPL_STR("a: "));
	for (int i = 0; i < 40; i++)
		cpl_buf_add_char(&text, '[');
	refused(text.ptr, "nested too deeply");
	/* Depth by aliases: each level doubles what is below. */
	cpl_buf_clear(&text);
	cpl_buf_add(&text, CPL_STR("a: &a [[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]]]]]\n"));
	refused(text.ptr, "nested too deeply");
	cpl_buf_finish(&text);
}

static void size_is_bounded(void **state)
{
	struct cpl_buf text = {0};

	for (int i = 0; i < CONFIG_FILE_MAX / 16 + 1; i++)
		cpl_buf_add(&text, CPL_STR("# fifteen bytes\n"));
	refused(text.ptr, "couplet.yml is larger than 1 MiB");
	cpl_buf_finish(&text);
}

static void missing_file_has_its_reason(void **state)
{
	struct fixture f;

	fixture_open(&f, "");
	unlink(f.path);
	assert_null(read_tree(&f));
	assert_reported(&f, "couplet.yml cannot be read: No such file or directory");
	cpl_arena_destroy(&arena);
	/* A FIFO must not make the reader wait for a writer. */
	assert_int_equal(mkfifo(f.path, 0600), 0);
	assert_null(read_tree(&f));
	assert_reported(&f, "couplet.yml is not a file");
	close_tree(&f);
}

static void includes_are_merged(void **state)
{
	struct fixture f;

	fixture_open(&f, "include: conf.d/*.yml\nhosts:\n  example.org: {modules+: [x]}\nadmins: a\n");
	char folder[128];

	snprintf(folder, sizeof folder, "%s/conf.d", f.folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	fixture_write(&f, "conf.d/a.yml", "hosts: {example.com: {}}\nping: {interval: 3s}\n");
	fixture_write(&f, "conf.d/b.yml", "hosts:\n  example.org: {key: k}\ninclude: c.inc\n");
	fixture_write(&f, "conf.d/c.inc", "offline:\n  max: 3\n");
	struct config_node *root = read_tree(&f);

	assert_no_faults(&f);
	struct config_node *hosts = config_node_get(root, CPL_STR("hosts"));

	assert_int_equal(hosts->count, 2);
	assert_int_equal(config_node_get(hosts, CPL_STR("example.org"))->count, 2);
	assert_null(config_node_get(root, CPL_STR("include")));
	struct config_node *max = config_node_get(config_node_get(root, CPL_STR("offline")), CPL_STR("max"));

	assert_int_equal(max->line, 2);
	assert_true(strstr(max->file, "/conf.d/c.inc"));
	close_tree(&f);
}

static void includes_that_do_not_fit(void **state)
{
	struct fixture f;

	fixture_open(&f, "include: [a.inc, none.inc, nothing*.inc, {}, b.inc]\nlog:\n  level: info\nmodules: [x]\n");
	fixture_write(&f, "a.inc", "log:\n  level: debug\nmodules: [y]\nnew: 1\n");
	fixture_write(&f, "b.inc", "x: [\n");
	struct config_node *root = read_tree(&f);

	assert_reported(&f, "a.inc:2: \"level\" has been given already, at couplet.yml:3");
	assert_reported(&f, "a.inc:3: \"modules\" has been given already, at couplet.yml:4");
	assert_reported(&f, "couplet.yml:1: none.inc does not exist");
	assert_reported(&f, "couplet.yml:1: include wants the name of a file or a pattern, not a mapping");
	assert_reported(&f, "b.inc:2: ");
	assert_int_equal(f.report.errors, 5);
	/* The rest is there, so that its faults can be told in the same pass. */
	assert_non_null(config_node_get(root, CPL_STR("new")));
	close_tree(&f);
}

static void include_of_itself_ends(void **state)
{
	struct fixture f;

	fixture_open(&f, "include: couplet.yml\n");
	assert_non_null(read_tree(&f));
	assert_reported(&f, "more than 8 deep");
	close_tree(&f);
}

static void nearest_names(void **state)
{
	static const char *const names[] = {"interval", "timeout", "max_messages", "admins", "to"};

	assert_string_equal(config_nearest(CPL_STR("intervall"), names, 5), "interval");
	assert_string_equal(config_nearest(CPL_STR("inetrval"), names, 5), "interval");
	assert_string_equal(config_nearest(CPL_STR("time_out"), names, 5), "timeout");
	assert_string_equal(config_nearest(CPL_STR("maxmesages"), names, 5), "max_messages");
	assert_null(config_nearest(CPL_STR("hosts"), names, 5));
	assert_null(config_nearest(CPL_STR(""), names, 5));
	assert_string_equal(config_nearest(CPL_STR("t"), names, 5), "to");
	assert_null(config_nearest(CPL_STR("interval"), NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_know_their_place),    cmocka_unit_test(empty_file_is_empty_mapping),
		cmocka_unit_test(repeats_are_faults),        cmocka_unit_test(aliases_stand_for_their_anchor),
		cmocka_unit_test(what_is_not_accepted),      cmocka_unit_test(alias_bomb_is_refused),
		cmocka_unit_test(depth_is_bounded),          cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(missing_file_has_its_reason), cmocka_unit_test(includes_are_merged),
		cmocka_unit_test(includes_that_do_not_fit),  cmocka_unit_test(include_of_itself_ends),
		cmocka_unit_test(nearest_names),
	};

	return cmocka_run_group_tests_name("core/config/tree", tests, NULL, NULL);
}
