/* SPDX-License-Identifier: MIT */
/*
 * Prints what a module's descriptor declares, for the manual: describe FILE NAME. One line a row, fields separated by tabs, the kind of row first. The program has the
 * core linked in, since a module is opened with every symbol bound.
 */
#include <couplet/module.h>

#include <dlfcn.h>
#include <stdio.h>

static const char *const events[] = {
#define CPL_EVENT(name, payload, flow, suspend, since, sentence) #name,
#include <couplet/events.def>
#undef CPL_EVENT
};
static const char *const stages[] = {"VALIDATE", "POLICY", "REWRITE", "FEATURE", "DELIVER", "OBSERVE"};

static void print_bits(unsigned bits, const char *const *names, size_t count)
{
	const char *comma = "";

	for (size_t i = 0; i < count; i++)
		if (bits & 1u << i) {
			printf("%s%s", comma, names[i]);
			comma = ", ";
		}
}

static void print_sessions(unsigned mask)
{
	const char *comma = "";

	for (unsigned type = 0; type <= CPL_SESSION_DESTROYED; type++)
		if (mask & 1u << type) {
			printf("%s%s", comma, cpl_session_type_name((enum cpl_session_type)type));
			comma = ", ";
		}
}

static void print_claims(const struct cpl_descriptor *d)
{
	static const char *const types[] = {"get", "set"}, *const targets[] = {"the own account", "accounts", "the host", "full addresses"};

	for (const struct cpl_iq_row *row = d->iqs; row && row->name; row++) {
		printf("iq\t%s\t%s\t", row->name->local, row->name->ns ? row->name->ns : "");
		print_bits(row->types, types, 2);
		putchar('\t');
		print_bits(row->targets, targets, 4);
		putchar('\t');
		print_sessions(row->sessions);
		putchar('\n');
	}
	for (const struct cpl_nonza_row *row = d->nonzas; row && row->name; row++) {
		printf("element\t%s\t%s\t", row->name->local, row->name->ns ? row->name->ns : "");
		print_sessions(row->sessions);
		putchar('\n');
	}
}

static void print_disco(const struct cpl_descriptor *d)
{
	static const char *const of[] = {"host", "account"};

	for (const struct cpl_feature_row *row = d->features; row && row->var; row++) {
		printf("feature\t%s\t", row->var);
		print_bits(row->of, of, 2);
		putchar('\n');
	}
	for (const struct cpl_identity_row *row = d->identities; row && row->category; row++) {
		printf("identity\t%s/%s\t", row->category, row->type);
		print_bits(row->of, of, 2);
		putchar('\n');
	}
}

static void print_store(const struct cpl_store *store)
{
	static const char *const kinds[] = {"keyval", "map", "archive"}, *const types[] = {"text", "integer", "blob", "stanza"};

	printf("store\t%s\t%s\t", store->name, kinds[store->kind]);
	for (const struct cpl_column *column = store->columns; column && column->name; column++)
		printf("%s%s (%s)", column == store->columns ? "" : ", ", column->name, types[column->type]);
	putchar('\n');
}

static void print_all(const struct cpl_descriptor *d)
{
	printf("module\t%s\t%s\n", d->name, d->summary);
	for (const struct cpl_option *row = d->options; row && row->name; row++)
		printf("option\t%s\n", row->name);
	for (const struct cpl_event_row *row = d->events; row && row->handler.any; row++)
		printf("event\t%s\t%s\t%d\n", events[row->event], stages[row->stage], row->number);
	print_claims(d);
	print_disco(d);
	for (const struct cpl_listen_row *row = d->listens; row && row->name; row++)
		printf("listen\t%s\t%u\n", row->name, row->port);
	for (const struct cpl_command *row = d->commands; row && row->form; row++)
		printf("command\t%s\t%s\n", row->form, row->summary);
	for (const struct cpl_store *const *store = d->stores; store && *store; store++)
		print_store(*store);
	for (const struct cpl_need_row *row = d->needs; row && row->ref; row++)
		printf("%s\t%s\n", row->optional ? "want" : "need", row->ref->name);
	for (const struct cpl_provide_row *row = d->provides; row && row->name; row++)
		printf("provide\t%s\n", row->name);
}

int main(int argc, char **argv)
{
	char symbol[128];
	const struct cpl_descriptor *descriptor;
	void *handle;

	if (argc != 3) {
		fputs("usage: describe FILE NAME\n", stderr);
		return 2;
	}
	handle = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	snprintf(symbol, sizeof symbol, "%s_LTX_cpl_module", argv[2]);
	descriptor = handle ? dlsym(handle, symbol) : NULL;
	if (!descriptor) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	print_all(descriptor);
	dlclose(handle);
	return fflush(stdout) == 0 ? 0 : 1;
}
