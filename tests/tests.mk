# tests: unit (cmocka, mirrors core/), scenario, clients, fuzz, fault, reload, abi, lint.
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) -I$(top_srcdir)/tests/unit
UNIT_LIBS = libcore.la $(CMOCKA_LIBS)
# One program a line in each of the three lists below: NAME under check_PROGRAMS and TESTS, then its _SOURCES, _CPPFLAGS and _LDADD.

# tests/unit/config
check_PROGRAMS += tests/unit/config/test_tree tests/unit/config/test_config
TESTS += tests/unit/config/test_tree tests/unit/config/test_config
tests_unit_config_test_tree_SOURCES = tests/unit/config/test_tree.c tests/unit/config/fixture.h
tests_unit_config_test_tree_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_config_test_tree_LDADD = $(UNIT_LIBS)
tests_unit_config_test_config_SOURCES = tests/unit/config/test_config.c tests/unit/config/fixture.h
tests_unit_config_test_config_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_config_test_config_LDADD = $(UNIT_LIBS)

# tests/unit/net
check_PROGRAMS += tests/unit/net/test_conn_script tests/unit/net/test_conn_socket tests/unit/net/test_listener tests/unit/net/test_output
TESTS += tests/unit/net/test_conn_script tests/unit/net/test_conn_socket tests/unit/net/test_listener tests/unit/net/test_output
tests_unit_net_test_conn_script_SOURCES = tests/unit/net/test_conn_script.c tests/unit/net/recorder.h
tests_unit_net_test_conn_script_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_conn_script_LDADD = $(UNIT_LIBS)
tests_unit_net_test_conn_socket_SOURCES = tests/unit/net/test_conn_socket.c tests/unit/net/peer.h tests/unit/net/recorder.h
tests_unit_net_test_conn_socket_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_conn_socket_LDADD = $(UNIT_LIBS)
tests_unit_net_test_listener_SOURCES = tests/unit/net/test_listener.c tests/unit/net/peer.h tests/unit/net/recorder.h
tests_unit_net_test_listener_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_listener_LDADD = $(UNIT_LIBS)
tests_unit_net_test_output_SOURCES = tests/unit/net/test_output.c
tests_unit_net_test_output_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_unit_net_test_output_LDADD = $(UNIT_LIBS)
