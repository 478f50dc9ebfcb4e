# tests: unit (cmocka, mirrors core/), scenario, clients, fuzz, fault, reload, abi, lint.
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) -I$(top_srcdir)/tests/unit
UNIT_LIBS = libcore.la $(CMOCKA_LIBS)
# One program a line in each of the three lists below: NAME under check_PROGRAMS and TESTS, then its _SOURCES, _CPPFLAGS and _LDADD.
