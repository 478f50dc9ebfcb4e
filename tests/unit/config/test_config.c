/* SPDX-License-Identifier: MIT */
/* A configuration read and judged: values of every kind, all faults in one pass, inheritance, hosts, listeners, what is generated. */
#include "fixture.h"

struct sample {
	bool flag;
	int64_t number, time, size;
	struct cpl_str text, secret;
	int word;
	struct cpl_jid jid;
	struct cpl_str_list list;
	struct cpl_enum_list words;
};

static const char *const colours[] = {"red", "green", "blue", NULL};
static const struct cpl_option sample_options[] = {
	CPL_OPT_BOOL(struct sample, flag, "true", CPL_RELOADABLE, "A flag."),
	CPL_OPT_INT(struct sample, number, "5", "-3", "1000", CPL_RELOADABLE, "A number."),
	CPL_OPT_TIME(struct sample, time, "1m", "1s", "1h", CPL_RELOADABLE, "A time."),
	CPL_OPT_SIZE(struct sample, size, "64K", "1K", "1M", 0, "A size."),
	CPL_OPT_STRING(struct sample, text, NULL, CPL_GLOBAL_ONLY, "A text."),
	CPL_OPT_SECRET(struct sample, secret, CPL_RELOADABLE, "A secret."),
	CPL_OPT_ENUM(struct sample, word, "green", colours, CPL_RELOADABLE, "A colour."),
	CPL_OPT_JID(struct sample, jid, CPL_RELOADABLE, "An address."),
	CPL_OPT_LIST(struct sample, list, "a, b", CPL_RELOADABLE, "Some texts."),
	CPL_OPT_ENUMS(struct sample, words, "blue,red", colours, CPL_RELOADABLE, "Some colours."),
	CPL_OPT_END,
};

struct strict {
	struct cpl_str name;
	int64_t low, high;
};
static const struct cpl_option strict_options[] = {
	CPL_OPT_STRING(struct strict, name, NULL, CPL_REQUIRED, "A name."),
	CPL_OPT_INT(struct strict, low, "1", NULL, NULL, 0, "The least."),
	CPL_OPT_INT(struct strict, high, "2", NULL, NULL, 0, "The most."),
	CPL_OPT_END,
};

static void strict_check(const void *values, struct cpl_str host, void (*fault)(void *data, const char *option, const char *text), void *data)
{
	const struct strict *s = values;

	(void)host;
	if (s->low > s->high)
		fault(data, "low", "is above high");
}

static const char *const sample_actions[] = {"sample.see", "sample.change", NULL};
static const struct config_schema schemas[] = {
	{{"sample", 6}, sample_options, sizeof(struct sample), NULL, sample_actions},
	{{"strict", 6}, strict_options, sizeof(struct strict), strict_check, NULL},
	{{"spare", 5}, NULL, 0, NULL, NULL},
	{{"memory", 6}, NULL, 0, NULL, NULL},
};
static const struct config_service services[] = {{"c2s", 5222, false}, {"c2s-direct", 5223, true}};

static struct config *judge(struct fixture *f, const char *text)
{
	fixture_open(f, text);
	struct config *config = config_read(f->path, &f->report);

	assert_non_null(config);
	config_judge(config, schemas, 4, services, 2, &f->report);
	return config;
}

static void close_config(struct fixture *f, struct config **config)
{
	config_destroy(config);
	assert_null(*config);
	fixture_close(f);
}

#define HEAD  "storage: memory\nmodules_path: .\nlisten: {c2s: }\n"
#define HOSTS "hosts: {example.org: }\n"

static void defaults_are_set(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD HOSTS "modules: [sample]\n");

	assert_no_faults(&f);
	const struct sample *s = config_options_of(config, &config->hosts[0], CPL_STR("sample"));

	assert_true(s->flag);
	assert_int_equal(s->number, 5);
	assert_int_equal(s->time, 60000);
	assert_int_equal(s->size, 65536);
	assert_null(s->text.ptr);
	assert_int_equal(s->word, 1);
	assert_false(cpl_jid_is_set(s->jid));
	assert_int_equal(s->list.count, 2);
	assert_true(cpl_str_is(s->list.items[1], "b"));
	assert_int_equal(s->words.count, 2);
	assert_int_equal(s->words.items[0], 2);
	assert_int_equal(s->words.items[1], 0);
	assert_int_equal(config->core.stanza_size, 256 * 1024);
	assert_int_equal(config->core.suspend_timeout, 30000);
	assert_true(cpl_str_is(config->core.data, "/var/lib/couplet") || config->core.data.len > 12);
	assert_null(config_options_of(config, &config->hosts[0], CPL_STR("strict")));
	close_config(&f, &config);
}

static void every_kind_is_read(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD HOSTS "modules: [sample]\n"
						     "sample:\n  flag: false\n  number: -3\n  time: 500s\n  size: 2K\n  text: no\n"
						     "  secret: 1e3\n  word: blue\n  jid: Romeo@Example.org\n  list: one\n  words: [red]\n"
						     "log: {level: debug}\nlimits: {stanza_size: 1M, keepalive: 90}\nadmins: JULIET@example.org\n");

	assert_no_faults(&f);
	const struct sample *s = config->hosts[0].module_options[0];

	assert_false(s->flag);
	assert_int_equal(s->number, -3);
	assert_int_equal(s->time, 500000);
	assert_int_equal(s->size, 2048);
	assert_true(cpl_str_is(s->text, "no"));
	assert_int_equal(s->text.ptr[2], 0);
	assert_true(cpl_str_is(s->secret, "1e3"));
	assert_int_equal(s->word, 2);
	assert_true(cpl_str_is(cpl_jid_str(s->jid), "romeo@example.org"));
	assert_int_equal(s->list.count, 1);
	assert_int_equal(s->words.count, 1);
	assert_int_equal(config->core.log_level, 0);
	assert_int_equal(config->core.stanza_size, 1024 * 1024);
	assert_int_equal(config->core.keepalive, 90000);
	assert_true(cpl_str_is(config->core.admins.items[0], "juliet@example.org"));
	close_config(&f, &config);
}

static void all_faults_in_one_pass(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, "storage: memory\n"
					  "modules_path: .\n"
					  "modules: [sample, sample, Bad]\n"
					  "hosts:\n"
					  "  example.org:\n"
					  "    certifcate: x.pem\n"
					  "    sample: {text: here, nubmer: 3}\n"
					  "  'no host': {}\n"
					  "  EXAMPLE.org: {}\n"
					  "sample:\n"
					  "  flag: yes\n"
					  "  number: 1001\n"
					  "  time: 10ms\n"
					  "  size: 2X\n"
					  "  word: rde\n"
					  "  jid: '@'\n"
					  "  list: {a: b}\n"
					  "  words: [red, red]\n"
					  "limit: {}\n"
					  "log: {levle: info}\n"
					  "listen:\n"
					  "  c2s: {port: 70000, adress: '*'}\n"
					  "  c2s-drect: {tls: maybe}\n"
					  "admins: [nobody]\n"
					  "workers: two\n");
	const char *const wanted =
		"couplet.yml:3: modules: \"Bad\" cannot be the name of a module (a-z, 0-9, _)\n"
		"couplet.yml:3: warning: modules: \"sample\" is listed twice\n"
		"couplet.yml:6: unknown name \"certifcate\": no option of a host and no module; did you mean \"certificate\"?\n"
		"couplet.yml:7: sample.text: cannot be set for one host, only for all (at the top level)\n"
		"couplet.yml:7: unknown option \"sample.nubmer\"; did you mean \"number\"?\n"
		"couplet.yml:8: \"no host\" cannot be the name of a host\n"
		"couplet.yml:9: the host example.org is given twice, first in line 5\n"
		"couplet.yml:11: sample.flag: \"yes\" is not true or false\n"
		"couplet.yml:12: sample.number: 1001 is above the most allowed, 1000\n"
		"couplet.yml:13: sample.time: 10ms is below the least allowed, 1s\n"
		"couplet.yml:14: sample.size: \"2X\" is not a size such as 512, 64K, 1M or 2G\n"
		"couplet.yml:15: sample.word: \"rde\" is none of red, green, blue; did you mean \"red\"?\n"
		"couplet.yml:16: sample.jid: \"@\" is not an address such as romeo@example.org\n"
		"couplet.yml:17: sample.list: wants a list of texts, not a mapping\n"
		"couplet.yml:18: sample.words: \"red\" is given twice\n"
		"couplet.yml:19: unknown name \"limit\": no option and no module; did you mean \"limits\"?\n"
		"couplet.yml:20: unknown option \"log.levle\"; did you mean \"level\"?\n"
		"couplet.yml:22: listen.c2s.port: wants a number from 1 to 65535 (0: any free port)\n"
		"couplet.yml:22: unknown option \"listen.c2s.adress\"; did you mean \"address\"?\n"
		"couplet.yml:23: listen.c2s-drect.tls: wants direct or starttls\n"
		"couplet.yml:23: listen: no module offers the service \"c2s-drect\"; did you mean \"c2s-direct\"?\n"
		"couplet.yml:24: admins: \"nobody\" is not an account's address such as romeo@example.org\n"
		"couplet.yml:25: workers: \"two\" is not a whole number\n";

	assert_string_equal(fixture_report(&f), wanted);
	close_config(&f, &config);
}

static void hosts_override_and_inherit(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD "modules: [sample, spare]\n"
					       "sample: {number: 7, time: 2m}\n"
					       "hosts:\n"
					       "  example.org: {sample: {number: 8}}\n"
					       "  example.com: {modules-: spare, modules+: [strict], strict: {name: x}}\n"
					       "  example.net: {modules: []}\n"
					       "  rooms.example.org: {component: spare}\n");

	assert_no_faults(&f);
	const struct sample *org = config_options_of(config, config_host_find(config, CPL_STR("example.org")), CPL_STR("sample"));
	const struct sample *com = config_options_of(config, config_host_find(config, CPL_STR("example.com")), CPL_STR("sample"));

	assert_int_equal(org->number, 8);
	assert_int_equal(org->time, 120000);
	assert_int_equal(com->number, 7);
	assert_int_equal(config->hosts[1].module_count, 2);
	assert_true(cpl_str_is(config->hosts[1].modules[1], "strict"));
	assert_int_equal(config->hosts[2].module_count, 0);
	assert_int_equal(config->hosts[3].module_count, 1);
	assert_int_equal(config->module_count, 4);
	const struct sample *global = config->module_options[0];

	assert_int_equal(global->number, 7);
	assert_null(config_host_find(config, CPL_STR("example.edu")));
	close_config(&f, &config);
}

static void required_and_check(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD "modules: [strict]\n"
					       "hosts:\n"
					       "  example.org: {strict: {name: x, low: 5}}\n"
					       "  example.com:\n");

	assert_reported(&f, "couplet.yml:6: strict.low: is above high\n");
	assert_reported(&f, "couplet.yml:4: strict.name must be given (A name.)\n");
	assert_int_equal(f.report.errors, 2);
	close_config(&f, &config);
	config = judge(&f, HEAD HOSTS "modules: [strict]\nstrict:\n  name: x\n  high: 0\n");
	assert_string_equal(fixture_report(&f), "couplet.yml:6: strict.low: is above high\n");
	close_config(&f, &config);
}

static void known_but_unlisted_is_a_warning(void **state)
{
	struct fixture f;

	fixture_open(&f, HEAD "modules: [spare]\nhosts: {example.org: {sample: {number: 1}}}\nsample: {number: 4}\nmood: {}\nmod: {}\n");
	fixture_write(&f, "mood.so", "");
	struct config *config = config_read(f.path, &f.report);

	config_judge(config, schemas, 4, services, 2, &f.report);
	assert_reported(&f, "couplet.yml:5: warning: the module sample is not on the list of example.org");
	assert_reported(&f, "couplet.yml:6: warning: the module sample is not listed anywhere");
	assert_reported(&f, "couplet.yml:7: warning: the module mood is not listed anywhere");
	assert_reported(&f, "couplet.yml:8: unknown name \"mod\": no option and no module; did you mean \"mood\"?");
	assert_int_equal(f.report.errors, 1);
	close_config(&f, &config);
}

/* One value where a mapping of options is to be. */
static void what_is_no_mapping_is_named(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD HOSTS "modules: [sample]\nsample: 4\nlog: info\n");

	assert_reported(&f, "couplet.yml:6: sample wants options as \"name: value\", not a single value");
	assert_reported(&f, "couplet.yml:7: log wants options as \"name: value\", not a single value");
	close_config(&f, &config);
}

static void modules_without_schema_are_passed_over(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD HOSTS "modules: [broken]\nbroken: {a: b}\n");

	assert_no_faults(&f);
	assert_null(config->hosts[0].module_options[0]);
	assert_int_equal(config_module_place(config, CPL_STR("broken"))->line, 5);
	close_config(&f, &config);
}

static void listeners_get_the_service_defaults(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, "storage: memory\nmodules_path: .\n" HOSTS
					  "listen:\n  c2s: [{address: 127.0.0.1, port: 0}, {address: ['::1', /run/x], port: 5300}]\n  c2s-direct:\n");

	assert_no_faults(&f);
	assert_int_equal(config->listen_count, 3);
	assert_int_equal(config->listen[0].port, 0);
	assert_int_equal(config->listen[1].port, 5300);
	assert_int_equal(config->listen[1].address.count, 2);
	assert_false(config->listen[1].direct_tls);
	assert_int_equal(config->listen[2].port, 5223);
	assert_true(config->listen[2].direct_tls);
	assert_true(cpl_str_is(config->listen[2].address.items[0], "*"));
	close_config(&f, &config);
}

static void paths_are_below_the_file(void **state)
{
	struct fixture f;
	char wanted[128];
	struct config *config = judge(&f, HEAD "data: data\nhosts: {example.org: {certificate: certs/a.pem, key: /k.pem}}\n");

	assert_no_faults(&f);
	snprintf(wanted, sizeof wanted, "%s/data", f.folder);
	assert_string_equal(config->core.data.ptr, wanted);
	assert_string_equal(config->core.run.ptr, wanted);
	snprintf(wanted, sizeof wanted, "%s/certs/a.pem", f.folder);
	assert_string_equal(config->hosts[0].certificate.ptr, wanted);
	assert_string_equal(config->hosts[0].key.ptr, "/k.pem");
	close_config(&f, &config);
}

static void secrets_are_not_told(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD HOSTS "modules: [sample]\nsample: {secret: [hunter2], secrte: hunter2}\n");

	assert_null(strstr(fixture_report(&f), "hunter2"));
	assert_int_equal(f.report.errors, 2);
	close_config(&f, &config);
}

static void no_host_is_a_fault(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD);

	assert_reported(&f, "couplet.yml:1: no host is configured");
	close_config(&f, &config);
}

static void permissions_are_of_actions_and_roles(void **state)
{
	struct fixture f;
	struct config *config = judge(&f, HEAD "modules: [sample]\nhosts: {example.org: }\npermissions: {sample.see: guest, sample.change: operator}\n");

	assert_int_equal(f.report.errors, 0);
	assert_int_equal(config->permission_count, 2);
	assert_true(cpl_str_is(config->permissions[0].action, "sample.see"));
	assert_string_equal(config_role_names[config->permissions[0].role], "guest");
	assert_string_equal(config_role_names[config->permissions[1].role], "operator");
	close_config(&f, &config);
	config = judge(&f, HEAD "modules: [sample]\nhosts: {example.org: }\npermissions:\n  sample.sea: guest\n  sample.see: guests\n  sample.change: [a]\n");
	assert_reported(&f, "couplet.yml:7: permissions: no module on the lists declares the action \"sample.sea\"; did you mean \"sample.see\"?");
	assert_reported(&f, "couplet.yml:8: permissions.sample.see: role: \"guests\" is none of guest, registered, member, admin, operator; did you mean \"guest\"?");
	assert_reported(&f, "couplet.yml:9: ");
	assert_int_equal(config->permission_count, 0);
	close_config(&f, &config);
	config = judge(&f, HEAD "modules: [sample]\nhosts: {example.org: }\npermissions: all\n");
	assert_reported(&f, "couplet.yml:6: permissions: wants a mapping from actions to roles");
	close_config(&f, &config);
}

static void core_table_fits_itself(void **state)
{
	for (const struct cpl_option *o = config_core_options; o->name; o++) {
		assert_non_null(o->summary);
		assert_int_equal(o->summary[strlen(o->summary) - 1], '.');
		assert_true(o->offset < sizeof(struct config_core));
	}
}

static void text_is_generated(void **state)
{
	struct cpl_buf out = {0};

	config_render_sample("sample", sample_options, &out);
	assert_non_null(strstr(out.ptr, "#sample:\n  # A flag. (true or false)\n  #flag: true\n"));
	assert_non_null(strstr(out.ptr, "  # A size. (size, 1K to 1M; needs a restart)\n  #size: 64K\n"));
	assert_non_null(strstr(out.ptr, "  #list: [a, b]\n"));
	assert_non_null(strstr(out.ptr, "  #text:\n"));
	cpl_buf_clear(&out);
	config_render_mdoc(sample_options, &out);
	assert_non_null(strstr(out.ptr, ".It Cm word\nA colour.\n(one of red, green, blue; default: green)\n"));
	cpl_buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_set),
		cmocka_unit_test(every_kind_is_read),
		cmocka_unit_test(all_faults_in_one_pass),
		cmocka_unit_test(hosts_override_and_inherit),
		cmocka_unit_test(required_and_check),
		cmocka_unit_test(known_but_unlisted_is_a_warning),
		cmocka_unit_test(what_is_no_mapping_is_named),
		cmocka_unit_test(modules_without_schema_are_passed_over),
		cmocka_unit_test(listeners_get_the_service_defaults),
		cmocka_unit_test(paths_are_below_the_file),
		cmocka_unit_test(secrets_are_not_told),
		cmocka_unit_test(no_host_is_a_fault),
		cmocka_unit_test(permissions_are_of_actions_and_roles),
		cmocka_unit_test(core_table_fits_itself),
		cmocka_unit_test(text_is_generated),
	};

	return cmocka_run_group_tests_name("core/config", tests, NULL, NULL);
}
