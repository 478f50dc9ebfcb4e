/* SPDX-License-Identifier: MIT */
/* The module tls: RFC 6120 5, as far as the negotiation goes; handshakes are the connection's. */
#include <couplet/test.h>

#define HEADER "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='example.org'>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

static struct cpl_test_session *open_stream(struct cpl_test_session *peer)
{
	cpl_test_send(peer, HEADER);
	cpl_test_expect_text(peer, "<stream:stream");
	return peer;
}

/* RFC 6120 5.3.1: required, and then nothing else is offered; 5.4.2.3: proceed; 5.4.3.3: a new stream, without it. */
static void starts(void)
{
	struct cpl_test_session *romeo = open_stream(cpl_test_connect_plain("romeo"));

	cpl_test_expect(romeo, "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls><none:mechanisms/></stream:features>");
	cpl_test_send(romeo, STARTTLS);
	cpl_test_expect(romeo, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	open_stream(romeo);
	cpl_test_expect(romeo, "<stream:features><none:starttls/></stream:features>");
	CPL_TEST_CHECK(cpl_test_session(romeo)->secure);
}

/* 5.4.2.2: under TLS already. */
static void not_twice(void)
{
	struct cpl_test_session *romeo = open_stream(cpl_test_connect("romeo"));

	cpl_test_expect(romeo, "<stream:features><none:starttls/></stream:features>");
	cpl_test_send(romeo, STARTTLS);
	cpl_test_expect(romeo, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	cpl_test_expect_end(romeo, NULL);
}

static void may_be_optional(void)
{
	struct cpl_test_session *romeo;

	CPL_TEST_CHECK(cpl_test_configure("required: false"));
	romeo = open_stream(cpl_test_connect_plain("romeo"));
	cpl_test_expect(romeo, "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><none:required/></starttls></stream:features>");
}

static const struct cpl_test_case cases[] = {
	{"TLS is required, and starts", starts, 0},
	{"TLS does not start twice", not_twice, 0},
	{"TLS may be optional", may_be_optional, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(tls) = {.cases = cases, .flags = CPL_TEST_CERTIFICATES};
