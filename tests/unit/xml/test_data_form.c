/* SPDX-License-Identifier: MIT */
/* Data forms (XEP-0004, XEP-0068): made, written, read back and searched. */
#include "unit.h"

#include "core/xml/data_form.h"
#include "core/xml/names.h"
#include "core/xml/parser.h"

CPL_NAME(name_holder, "urn:example:holder", "holder");

static int setup(void **state)
{
	data_form_init();
	return names_add(&name_holder);
}

static int teardown(void **state)
{
	xml_finish();
	return 0;
}

static struct cpl_stanza *parse(const char *text)
{
	struct cpl_stanza *stanza;

	assert_int_equal(xml_parse_child(cpl_str_of(text), CPL_NS_CLIENT, NULL, &stanza), CPL_STREAM_OK);
	return stanza;
}

static void assert_text(struct cpl_str is, const char *shall)
{
	assert_non_null(is.ptr);
	assert_int_equal(is.len, strlen(shall));
	assert_memory_equal(is.ptr, shall, is.len);
}

/* XEP-0004 3.2, 3.3; XEP-0068 3.1 */
static void makes_a_form(void **state)
{
	struct cpl_stanza *stanza = cpl_nonza_create(&name_holder);
	struct cpl_element *form = cpl_form_add(stanza, stanza->root, "form", "urn:example:play"), *field;
	struct cpl_buf out = {0};

	cpl_form_head(stanza, form, CPL_STR("Casting"), CPL_STR("Who plays?"));
	field = cpl_form_field(stanza, form, CPL_STR("actor"), "list-single", "Actor");
	cpl_form_option(stanza, field, CPL_STR("will"), "William");
	cpl_form_option(stanza, field, CPL_STR("dick"), NULL);
	cpl_form_require(stanza, field);
	cpl_form_lines(stanza, cpl_form_field(stanza, form, CPL_STR("lines"), "text-multi", NULL), CPL_STR("To be\n\nor not"));
	cpl_form_lines(stanza, cpl_form_field(stanza, form, CPL_STR("none"), NULL, NULL), CPL_STR(""));
	cpl_stanza_write(stanza, CPL_NS_CLIENT, &out);
	assert_string_equal(out.ptr, "<holder xmlns='urn:example:holder'><x xmlns='jabber:x:data' type='form'>"
				     "<field var='FORM_TYPE' type='hidden'><value>urn:example:play</value></field>"
				     "<title>Casting</title><instructions>Who plays?</instructions>"
				     "<field var='actor' type='list-single' label='Actor'><option label='William'><value>will</value></option>"
				     "<option><value>dick</value></option><required/></field>"
				     "<field var='lines' type='text-multi'><value>To be</value><value/><value>or not</value></field>"
				     "<field var='none'/></x></holder>");
	cpl_buf_finish(&out);
	cpl_stanza_unref(&stanza);
}

/* XEP-0004 3.4 */
static void makes_a_table(void **state)
{
	struct cpl_stanza *stanza = cpl_nonza_create(&name_holder);
	struct cpl_element *form = cpl_form_add(stanza, stanza->root, "result", NULL);
	struct cpl_buf out = {0};

	cpl_form_field(stanza, cpl_form_reported(stanza, form), CPL_STR("part"), NULL, "Part");
	cpl_form_value(stanza, cpl_form_field(stanza, cpl_form_item(stanza, form), CPL_STR("part"), NULL, NULL), CPL_STR("Nurse"));
	cpl_stanza_write(stanza, CPL_NS_CLIENT, &out);
	assert_string_equal(out.ptr, "<holder xmlns='urn:example:holder'><x xmlns='jabber:x:data' type='result'>"
				     "<reported><field var='part' label='Part'/></reported>"
				     "<item><field var='part'><value>Nurse</value></field></item></x></holder>");
	cpl_buf_finish(&out);
	cpl_stanza_unref(&stanza);
}

static void reads_a_form(void **state)
{
	struct cpl_stanza *stanza = parse("<iq type='set'><x xmlns='jabber:x:data' type='submit'><field var='a'><value>1</value></field></x>"
					  "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:b</value></field>"
					  "<field var='a'><value>2</value><value>3</value></field><field var='empty'><value/></field><field var='bare'/>"
					  "</x></iq>");
	struct cpl_element *first = cpl_form_find(stanza->root, NULL), *second = cpl_form_find(stanza->root, "urn:b");

	assert_non_null(first);
	assert_non_null(second);
	assert_ptr_not_equal(first, second);
	assert_null(cpl_form_find(stanza->root, "urn:c"));
	assert_text(cpl_form_text(first, CPL_STR("a"), stanza->arena), "1");
	assert_text(cpl_form_text(second, CPL_STR("a"), stanza->arena), "2");
	assert_text(cpl_form_joined(second, CPL_STR("a"), stanza->arena), "2\n3");
	assert_int_equal(cpl_form_count(cpl_form_get(second, CPL_STR("a"))), 2);
	assert_text(cpl_form_nth(cpl_form_get(second, CPL_STR("a")), 1, stanza->arena), "3");
	assert_null(cpl_form_nth(cpl_form_get(second, CPL_STR("a")), 2, stanza->arena).ptr);
	assert_null(cpl_form_text(second, CPL_STR("empty"), stanza->arena).ptr);
	assert_null(cpl_form_joined(second, CPL_STR("empty"), stanza->arena).ptr);
	assert_null(cpl_form_joined(second, CPL_STR("bare"), stanza->arena).ptr);
	assert_null(cpl_form_text(second, CPL_STR("missing"), stanza->arena).ptr);
	assert_int_equal(cpl_form_count(NULL), 0);
	assert_null(cpl_form_nth(NULL, 0, stanza->arena).ptr);
	cpl_stanza_unref(&stanza);
}

/* XEP-0004 3.3 */
static void knows_what_is_true(void **state)
{
	assert_true(cpl_form_true(CPL_STR("1")) && cpl_form_true(CPL_STR("true")));
	assert_false(cpl_form_true(CPL_STR("0")) || cpl_form_true(CPL_STR("yes")) || cpl_form_true(CPL_NONE));
}

/* XEP-0115 5.4: one form of a FORM_TYPE, whoever adds to it. */
static void disco_has_one_of_a_kind(void **state)
{
	struct cpl_stanza *stanza = cpl_nonza_create(&name_holder);
	struct cpl_ev_disco ev = {.answer = stanza, .query = stanza->root};
	struct cpl_element *form = cpl_disco_form(&ev, "urn:a");

	assert_ptr_equal(cpl_disco_form(&ev, "urn:a"), form);
	assert_ptr_not_equal(cpl_disco_form(&ev, "urn:b"), form);
	assert_int_equal(cpl_child_count(stanza->root), 2);
	cpl_stanza_unref(&stanza);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_a_form),
		cmocka_unit_test(makes_a_table),
		cmocka_unit_test(reads_a_form),
		cmocka_unit_test(knows_what_is_true),
		cmocka_unit_test(disco_has_one_of_a_kind),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
