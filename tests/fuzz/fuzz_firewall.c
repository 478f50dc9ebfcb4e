/* SPDX-License-Identifier: MIT */
/* Rules of the firewall: whatever a file holds is read or refused with a line, and what is read can be asked, and read again from its own text with the same result. */
#include "modules/firewall/rules.h"
#include "tests/fuzz/fuzz.h"

struct found {
	unsigned count, last;
};

static void on_fault(void *data, unsigned line, const char *text)
{
	struct found *found = data;

	CHECK(*text && strlen(text) < 512);
	found->count++;
	found->last = line;
}

static void ask(struct rules *rules)
{
	static const char *const texts[] = {
		"<message from='romeo@example.org/orchard' to='juliet@example.org' type='chat'><body>x</body><y xmlns='urn:example:y'/></message>",
		"<presence from='a.b.c.d.e.f.g.h.i.j.example.org' type='subscribe' to='x@y'/>",
		"<iq type='get' id='1' from='x@y/z'><query xmlns='jabber:iq:register'/></iq>",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct cpl_stanza *stanza = cpl_stanza_read(cpl_str_of(texts[i]), NULL);
		struct rule_case c = {.stanza = stanza, .from = stanza->from, .to = stanza->to};
		struct rule *rule = rules_decide(rules, &c, NULL);

		CHECK(!rule || (rule->action != RULE_LOG && rule->action != RULE_MARK));
		cpl_stanza_unref(&stanza);
	}
}

static size_t read_again(const struct rules *rules)
{
	struct cpl_buf text = {0};
	struct found found = {0};

	for (size_t i = 0; i < rules->count; i++) {
		cpl_buf_add(&text, rules->items[i].text);
		cpl_buf_add_char(&text, '\n');
	}
	struct rules *again = rules_parse(cpl_buf_str(&text), on_fault, &found);
	size_t count = again ? again->count : SIZE_MAX;

	rules_destroy(&again);
	cpl_buf_finish(&text);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpl_str text = {(const char *)data, size};
	struct found found = {0};
	struct rules *rules = rules_parse(text, on_fault, &found);
	static unsigned made;

	CHECK((rules == NULL) == (found.count > 0));
	CHECK(found.count <= RULES_FAULTS);
	if (rules) {
		CHECK(read_again(rules) == rules->count);
		/* Interned names are for good, so only some inputs get them; the hashes of addresses come with them. */
		if (made++ < 2000)
			CHECK(rules_ready(rules) == 0);
		ask(rules);
	}
	rules_destroy(&rules);
	return 0;
}
