/* SPDX-License-Identifier: MIT */
/* Listening sockets and addresses: families, ports, paths, the bound on connections, the want of descriptors.
 */
#include "peer.h"

#include "core/base/logger.h"
#include "core/net/address.h"
#include "core/net/listener.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { CLIENTS = 40 };

static unsigned accepted_count;
static int accepted_fds[CLIENTS];
static char accepted_address[ADDRESS_TEXT];

static void accepted(struct listener *listener, int fd, const char *address)
{
	assert_string_equal(listener_service(listener), "c2s");
	assert_ptr_equal(listener_owner(listener), &accepted_count);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(accepted_count < CLIENTS);
	accepted_fds[accepted_count++] = fd;
	snprintf(accepted_address, sizeof(accepted_address), "%s", address);
}

static struct listener *create(const char *address, struct cpl_error *error)
{
	return listener_create(
		&(struct listener_options){
			.service = "c2s",
			.address = cpl_str_of(address),
			.accepted = accepted,
			.owner = &accepted_count,
		},
		error);
}

static void close_accepted(void)
{
	while (accepted_count)
		close(accepted_fds[--accepted_count]);
}

static int connect_to(const char *literal, uint16_t port)
{
	struct address address;
	int fd;

	assert_true(address_parse(cpl_str_of(literal), port, &address));
	fd = socket(address.storage.ss_family, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address.storage, address.size), 0);
	return fd;
}

static int set_up(void **state)
{
	int code = loop_init(true);

	conn_socket_init();
	return code;
}

static int tear_down(void **state)
{
	conn_socket_finish();
	loop_finish();
	return 0;
}

static void test_loopback(void **state)
{
	struct cpl_error error;
	struct listener *listener = create("127.0.0.1", &error);
	int client;

	assert_non_null(listener);
	assert_true(listener_port(listener) > 0);
	client = connect_to("127.0.0.1", listener_port(listener));
	assert_int_equal(accepted_count, 0);
	turns(1);
	assert_int_equal(accepted_count, 1);
	assert_true(strncmp(accepted_address, "127.0.0.1:", 10) == 0);
	close(client);
	close_accepted();
	listener_destroy(&listener);
	assert_null(listener);
}

static bool kernel_has_ipv6(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

/* "*" is both families on one port, or the one that the kernel has. */
static void test_any(void **state)
{
	struct cpl_error error;
	struct listener *listener = create("*", &error);
	int four, six = -1;

	assert_non_null(listener);
	four = connect_to("127.0.0.1", listener_port(listener));
	turns(1);
	assert_int_equal(accepted_count, 1);
	if (kernel_has_ipv6()) {
		six = connect_to("::1", listener_port(listener));
		turns(1);
		assert_int_equal(accepted_count, 2);
		assert_true(strncmp(accepted_address, "[::1]:", 6) == 0);
		close(six);
	}
	close(four);
	close_accepted();
	listener_destroy(&listener);
}

static void test_port_taken(void **state)
{
	struct cpl_error error = {0};
	struct listener *first = create("127.0.0.1", &error);
	struct listener *second = listener_create(
		&(struct listener_options){
			.service = "c2s",
			.address = CPL_STR("127.0.0.1"),
			.port = listener_port(first),
			.accepted = accepted,
		},
		&error);

	assert_null(second);
	assert_int_equal(error.code, CPL_E_IO);
	assert_non_null(strstr(error.text, "cannot listen for c2s on 127.0.0.1 port"));
	assert_non_null(strstr(error.text, "Address already in use"));
	listener_destroy(&first);
}

static void test_bad_address(void **state)
{
	struct cpl_error error = {0};

	assert_null(create("localhost", &error));
	assert_int_equal(error.code, CPL_E_INVALID);
	assert_null(create("", &error));
	assert_null(create("192.0.2.300", &error));
}

/* A path is removed with its listener; one left behind is taken over, one in use is not. */
static void test_local(void **state)
{
	char folder[] = "/tmp/couplet-test-XXXXXX";
	char path[64];
	struct cpl_error error = {0};
	struct listener *listener;
	struct address address;
	int stale, client;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/c2s", folder);
	assert_true(address_parse(cpl_str_of(path), 0, &address));
	stale = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(stale, (struct sockaddr *)&address.storage, address.size), 0);
	close(stale);
	listener = create(path, &error);
	assert_non_null(listener);
	assert_null(create(path, &error));
	/* The second one's look whether somebody listens was a connection. */
	turns(1);
	close_accepted();
	client = connect_to(path, 0);
	turns(1);
	assert_int_equal(accepted_count, 1);
	assert_string_equal(accepted_address, "local");
	close(client);
	close_accepted();
	listener_destroy(&listener);
	assert_int_equal(access(path, F_OK), -1);
	rmdir(folder);
}

/* Not more than 32 in one turn, so that a storm of connections starves nobody. */
static void test_accepts_a_turn(void **state)
{
	struct cpl_error error;
	struct listener *listener = create("127.0.0.1", &error);
	int clients[CLIENTS];

	for (unsigned at = 0; at < CLIENTS; at++)
		clients[at] = connect_to("127.0.0.1", listener_port(listener));
	turns(1);
	assert_int_equal(accepted_count, 32);
	turns(1);
	assert_int_equal(accepted_count, CLIENTS);
	for (unsigned at = 0; at < CLIENTS; at++)
		close(clients[at]);
	close_accepted();
	listener_destroy(&listener);
}

static unsigned count_in_log(const char *word)
{
	char *log = logger_take_memory();
	unsigned count = 0;

	for (const char *at = log; at && (at = strstr(at, word)); at++)
		count++;
	cpl_free(log);
	return count;
}

/* At the bound, and without descriptors, it rests for 100 ms, says so once, and goes on when there is room.
 */
static void test_bounds(void **state)
{
	struct cpl_error error;
	struct listener *listener = create("127.0.0.1", &error);
	struct rlimit before, tight;
	struct peer *peer;
	int client;

	assert_int_equal(
		logger_start(&(struct logger_options){.level = CPL_LOG_WARN, .sink = LOGGER_MEMORY}, &error),
		0);
	peer = peer_create(&roomy_limits);
	listener_set_max_connections(1);
	client = connect_to("127.0.0.1", listener_port(listener));
	for (unsigned at = 0; at < 5; at++) {
		turns(2);
		loop_advance(110);
	}
	assert_int_equal(accepted_count, 0);
	peer_destroy(peer);
	loop_advance(110);
	turns(2);
	assert_int_equal(accepted_count, 1);
	listener_set_max_connections(0);
	close(client);

	/* The next complaint is due after a minute. */
	loop_advance(61000);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	client = connect_to("127.0.0.1", listener_port(listener));
	tight = before;
	tight.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	for (unsigned at = 0; at < 5; at++) {
		turns(2);
		loop_advance(110);
	}
	assert_int_equal(accepted_count, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	turns(2);
	assert_int_equal(accepted_count, 2);
	close(client);
	close_accepted();
	listener_destroy(&listener);
	logger_finish();
	assert_int_equal(count_in_log("accepts no connections for now"), 2);
}

static void test_addresses(void **state)
{
	struct address address;
	char text[ADDRESS_TEXT];

	assert_true(address_parse(CPL_STR("192.0.2.1"), 40001, &address));
	address_text(&address, text);
	assert_string_equal(text, "192.0.2.1:40001");
	assert_str(address_peer_key(text, text), "192.0.2.1");
	assert_true(address_parse(CPL_STR("2001:db8:0:1:2::1"), 40001, &address));
	address_text(&address, text);
	assert_string_equal(text, "[2001:db8:0:1:2::1]:40001");
	assert_int_equal(address_port(&address), 40001);
	/* A host has all of its 64-bit network. */
	assert_str(address_peer_key("[2001:db8:0:1:2::1]:40001", text), "2001:db8:0:1::");
	assert_str(address_peer_key("local", text), "local");
	assert_false(address_parse(CPL_STR("192.0.2.1 "), 1, &address));
	assert_false(address_parse(CPL_STR("::1\0x"), 1, &address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback),   cmocka_unit_test(test_any),
		cmocka_unit_test(test_port_taken), cmocka_unit_test(test_bad_address),
		cmocka_unit_test(test_local),	   cmocka_unit_test(test_accepts_a_turn),
		cmocka_unit_test(test_bounds),	   cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
