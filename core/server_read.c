/* SPDX-License-Identifier: MIT */
/* What a configuration is made of is read: its files, certificates, and the files of its modules. At a reload a worker does it. */
#include "core/server_state.h"

#include "core/loop/worker.h"
#include "core/module/manager.h"
#include "core/module/loader.h"
#include "core/net/tls_context.h"
#include "core/xmpp/store.h"

struct tls_reporting {
	struct config_report *report;
	const struct config *config;
	const struct config_host **hosts;
	size_t count;
};

static void tls_fault(void *data, size_t host, bool fatal, const char *text)
{
	struct tls_reporting *reporting = data;

	config_report_add(reporting->report, host < reporting->count ? reporting->hosts[host]->node : NULL, !fatal, "%s", text);
}

struct tls_contexts *server_judge_certificates(const struct config *config, struct config_report *report)
{
	struct tls_host *hosts = cpl_alloc((config->host_count + 1) * sizeof *hosts);
	const struct config_host **of = cpl_alloc((config->host_count + 1) * sizeof(*of));
	struct tls_reporting reporting = {.report = report, .config = config, .hosts = of};
	struct tls_settings settings = {
		.min_version = config->core.tls_min_version ? "TLSv1.3" : "TLSv1.2",
		.ciphers = config->core.tls_ciphers.ptr,
		.suites = config->core.tls_ciphersuites.ptr,
		.unique_tls13 = config->core.tls_unique_compat,
		.tickets_ms = config->core.tls_tickets,
	};
	struct tls_contexts *contexts;

	for (size_t i = 0; i < config->host_count; i++) {
		const struct config_host *host = &config->hosts[i];

		of[reporting.count] = host;
		hosts[reporting.count++] = (struct tls_host){host->name, host->certificate.ptr, host->key.ptr};
	}
	contexts = tls_contexts_create(hosts, reporting.count, &settings, tls_fault, &reporting);
	cpl_free(hosts);
	cpl_free(of);
	return contexts;
}

void server_read(struct server_read *read, const char *path)
{
	read->config = config_read(path, &read->report);
	/* A command with the server stopped serves nobody: it may be the one that makes the certificate. */
	if (read->config && !server.options.offline)
		read->contexts = server_judge_certificates(read->config, &read->report);
}

void server_read_finish(struct server_read *read)
{
	tls_contexts_unref(&read->contexts);
	config_destroy(&read->config);
	config_report_finish(&read->report);
}

/* ---- on a worker ---- */

struct reading {
	struct worker_job job;
	struct server_read read;
	const char *path;
	void **files; /* of modules, by dlopen() */
	size_t file_count;
	void (*then)(struct server_read *read, void *data);
	void *data;
	bool apply;
	struct store_declaring declaring; /* of the modules that are new in it */
};

static size_t readings;

static void read_files(struct reading *reading)
{
	const struct config *config = reading->read.config;
	struct cpl_error error;

	reading->files = cpl_alloc((config->module_count + 1) * sizeof(*reading->files));
	for (size_t i = 0; i < config->module_count; i++) {
		char *path = loader_find(config->core.modules_path, config->modules[i], &error);

		/* A module that has no such file, or none that can be opened, is for manager_open() to tell of. */
		if (path)
			reading->files[reading->file_count++] = loader_read_ahead(path);
		cpl_free(path);
	}
}

static void work(struct worker_job *job)
{
	struct reading *reading = CPL_CONTAINER(job, struct reading, job);

	server_read(&reading->read, reading->path);
	if (reading->read.config)
		read_files(reading);
}

static void finish(void *data)
{
	struct reading *reading = data;

	readings--;
	loop_measure(false);
	reading->then(&reading->read, reading->data);
	store_declaring_finish(&reading->declaring);
	server_read_finish(&reading->read);
	while (reading->file_count > 0)
		loader_forget(&reading->files[--reading->file_count]);
	cpl_free(reading->files);
	cpl_free(reading);
}

static void at_idle(void *data);

static void stores_are_known(void *data)
{
	struct reading *reading = data;

	if (store_declaring_counts(&reading->declaring)) {
		finish(reading);
		return;
	}
	/* Another driver serves now. */
	store_declaring_finish(&reading->declaring);
	at_idle(reading);
}

static void stores_are_there(struct store_declaring *declaring)
{
	loop_at_idle(stores_are_known, CPL_CONTAINER(declaring, struct reading, declaring));
}

/* What `reading` holds open keeps the code of the modules in memory, whatever becomes of them meanwhile. */
static bool declare_stores(struct reading *reading)
{
	struct server_read trial = {.config = reading->read.config, .contexts = reading->read.contexts};
	bool good = server.state == SERVER_OPEN && reading->read.report.errors == 0 && server_judge(&trial) == 0;

	/* Faults are told by the judgement that counts: another change may come before it. */
	config_report_finish(&trial.report);
	if (good)
		manager_declare(&reading->declaring);
	reading->declaring.done = stores_are_there;
	return good && store_declaring_start(&reading->declaring);
}

static void at_idle(void *data)
{
	struct reading *reading = data;

	if (!reading->apply || !declare_stores(reading))
		finish(reading);
}

static void work_done(struct worker_job *job)
{
	loop_at_idle(at_idle, CPL_CONTAINER(job, struct reading, job));
}

void server_read_start(bool apply, void (*then)(struct server_read *read, void *data), void *data)
{
	struct reading *reading = CPL_NEW(struct reading);

	readings++;
	loop_measure(true);
	reading->path = server.options.config_path;
	reading->then = then;
	reading->data = data;
	reading->apply = apply;
	reading->job.work = work;
	reading->job.done = work_done;
	worker_start(&reading->job);
}

void server_read_wait(void)
{
	while (readings > 0)
		loop_turn(1);
}
