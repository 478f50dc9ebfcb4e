/* SPDX-License-Identifier: MIT */
/* The ground of the manager's tests: real modules in a folder of their own, two hosts as core/xmpp would have them, configurations from text, and commands that are waited for. */
#ifndef TESTS_UNIT_MODULE_GROUND_H
#define TESTS_UNIT_MODULE_GROUND_H

#include "unit.h"
#include "core/base/account.h"
#include "core/base/logger.h"
#include "core/hook/dispatch.h"
#include "core/hook/slot.h"
#include "core/loop/worker.h"
#include "core/module/manager.h"
#include "note.h"
#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST "hosts: {example.org: }\n"

struct waiting {
	struct manager_request request;
	bool ended;
	int status;
	char text[600];
};

typedef int manager_verb(struct cpl_str name, struct manager_request *request, struct cpl_error *error);

extern char trace[65536];
extern struct cpl_host hosts[2];
extern size_t host_total;
extern struct config *config;
extern enum cpl_flow result;
extern unsigned results;

void assert_trace(const char *expected);
/* Turns the loop until a part of it is there. */
void wait_for_trace(const char *part);
/* What test_gate() waits for; open at first. */
void gate_set(bool open);
/* Turns the loop until somebody waits for it. */
void wait_for_gate(void);
void place(const char *built, const char *name);
unsigned copies(void);
/* The file of a configuration, with these lines in it; returns its path. */
const char *write_config(const char *text);
/* Opens the modules that it names, and judges it. */
void open_config(struct config *now, struct config_report *report);
struct config *read_config(const char *text, bool *good);
void assert_report(const char *part);
int apply(const char *text, struct cpl_error *error);
void apply_good(const char *text);
void refuse(const char *text);
void done(struct cpl_event *event, enum cpl_flow flow);
void fire_message(void);
void turns(void);
const struct counter_service *counter(struct cpl_module **provider);
int64_t count(void);
void ended(struct manager_request *request, int status, const char *text);
/* Turns the loop until a command that was begun has ended. */
void run_on(struct waiting *waiting);
struct waiting run(manager_verb *verb, const char *name);
void run_good(manager_verb *verb, const char *name);
void run_refused(manager_verb *verb, const char *name, const char *text);
void find_build(void);
int set_up(void **state);
int tear_down(void **state);
void forget_log(const char *part);

#endif
