/* SPDX-License-Identifier: MIT */
/* Entity capabilities: the examples of XEP-0115. */
#include "unit.h"

#include "modules/disco/caps.h"

#define S(literal)                                                                                           \
	{                                                                                                    \
		"" literal, sizeof(literal) - 1                                                              \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* XEP-0115 section 5.2; given out of order */
static void simple(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct caps_identity identities[] = {{S("client"), S("pc"), {NULL, 0}, S("Exodus 0.9.1")}};
	struct cpl_str features[] = {
		S("http://jabber.org/protocol/muc"), S("http://jabber.org/protocol/disco#items"),
		S("http://jabber.org/protocol/disco#info"), S("http://jabber.org/protocol/caps")};
	struct caps_info info = {identities, COUNT(identities), features, COUNT(features), NULL, 0};
	struct cpl_buf text = {0};

	caps_string(&info, &text);
	assert_str(cpl_buf_str(&text),
		   "client/pc//Exodus "
		   "0.9.1<http://jabber.org/protocol/caps<http://jabber.org/protocol/disco#info<"
		   "http://jabber.org/protocol/disco#items<http://jabber.org/protocol/muc<");
	assert_str(caps_ver(&info, arena), "QgayPKawpkPSDYmwT/WM94uAlu0=");
	cpl_buf_finish(&text);
	cpl_arena_destroy(&arena);
}

/* XEP-0115 section 5.3: two languages and a form, all out of order */
static void complex_example(void **state)
{
	struct cpl_arena *arena = cpl_arena_create();
	struct caps_identity identities[] = {{S("client"), S("pc"), S("en"), S("Psi 0.11")},
					     {S("client"), S("pc"), S("el"), S("\xce\xa8 0.11")}};
	struct cpl_str features[] = {
		S("http://jabber.org/protocol/disco#info"), S("http://jabber.org/protocol/caps"),
		S("http://jabber.org/protocol/muc"), S("http://jabber.org/protocol/disco#items")};
	struct cpl_str ip[] = {S("ipv6"), S("ipv4")}, os[] = {S("Mac")}, os_version[] = {S("10.5.1")},
		       software[] = {S("Psi")}, software_version[] = {S("0.11")};
	struct caps_field fields[] = {{S("software_version"), software_version, 1},
				      {S("software"), software, 1},
				      {S("os"), os, 1},
				      {S("os_version"), os_version, 1},
				      {S("ip_version"), ip, 2}};
	struct caps_form forms[] = {{S("urn:xmpp:dataforms:softwareinfo"), fields, COUNT(fields)}};
	struct caps_info info = {identities, COUNT(identities), features, COUNT(features),
				 forms,	     COUNT(forms)};

	assert_str(caps_ver(&info, arena), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
	cpl_arena_destroy(&arena);
}

/* XEP-0115 section 5.1, points 2 and 6: forms by FORM_TYPE; a name belongs to the string but not to the order
 * before category, type and language */
static void order(void **state)
{
	struct caps_identity identities[] = {{S("server"), S("im"), {NULL, 0}, S("A")},
					     {S("pubsub"), S("pep"), {NULL, 0}, {NULL, 0}}};
	struct cpl_str one[] = {S("1")}, two[] = {S("2")};
	struct caps_field a[] = {{S("x"), one, 1}}, b[] = {{S("x"), two, 1}};
	struct caps_form forms[] = {{S("urn:b"), b, 1}, {S("urn:a"), a, 1}};
	struct caps_info info = {identities, COUNT(identities), NULL, 0, forms, COUNT(forms)};
	struct cpl_buf text = {0};

	caps_string(&info, &text);
	assert_str(cpl_buf_str(&text), "pubsub/pep//<server/im//A<urn:a<x<1<urn:b<x<2<");
	cpl_buf_finish(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(simple), cmocka_unit_test(complex_example),
					   cmocka_unit_test(order)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
