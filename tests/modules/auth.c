/* SPDX-License-Identifier: MIT */
/* The module auth: RFC 6120 6 and the accounts. Proofs of SCRAM are made by other programs in the scenarios and with clients; here the way is PLAIN. */
#include <couplet/test.h>

#define SASL "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
#define HEADER "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='example.org'>"
/* "\0romeo\0wherefore", the same with another password, and with another name. */
#define RIGHT "<auth " SASL " mechanism='PLAIN'>AHJvbWVvAHdoZXJlZm9yZQ==</auth>"
#define WRONG "<auth " SASL " mechanism='PLAIN'>AHJvbWVvAHRoZXJlZm9yZQ==</auth>"
#define NOBODY "<auth " SASL " mechanism='PLAIN'>AHBhcmlzAHdoZXJlZm9yZQ==</auth>"
#define FAILURE(condition) "<failure " SASL "><" condition "/></failure>"

static struct cpl_test_session *open_stream(struct cpl_test_session *peer)
{
	cpl_test_send(peer, HEADER);
	cpl_test_expect_text(peer, "<stream:stream");
	return peer;
}

/* RFC 6120 6.4: offered, taken, and a stream after it. */
static void right_password(void)
{
	struct cpl_test_session *romeo = cpl_test_connect("romeo");

	cpl_test_password("romeo@example.org", "wherefore");
	open_stream(romeo);
	cpl_test_expect(romeo, "<stream:features><mechanisms " SASL "/></stream:features>");
	cpl_test_send(romeo, RIGHT);
	cpl_test_expect(romeo, "<success " SASL "/>");
	open_stream(romeo);
	cpl_test_expect(romeo, "<stream:features><none:mechanisms/></stream:features>");
}

/* RFC 6120 6.5.10: who does not exist fails like who has forgotten the password. 6.4.5: three tries. */
static void wrong_password(void)
{
	struct cpl_test_session *romeo = cpl_test_connect("romeo");

	cpl_test_password("romeo@example.org", "wherefore");
	open_stream(romeo);
	cpl_test_drop(romeo);
	cpl_test_send(romeo, WRONG);
	cpl_test_expect(romeo, FAILURE("not-authorized"));
	cpl_test_send(romeo, NOBODY);
	cpl_test_expect(romeo, FAILURE("not-authorized"));
	cpl_test_send(romeo, WRONG);
	cpl_test_expect(romeo, FAILURE("not-authorized"));
	cpl_test_expect_end(romeo, "policy-violation");
}

/* RFC 6120 6.3.4 and 13.8.1: never PLAIN where everybody can listen. */
static void plain_needs_tls(void)
{
	struct cpl_test_session *romeo = open_stream(cpl_test_connect_plain("romeo"));

	cpl_test_password("romeo@example.org", "wherefore");
	cpl_test_drop(romeo);
	cpl_test_send(romeo, RIGHT);
	cpl_test_expect(romeo, FAILURE("encryption-required"));
}

/* RFC 5802 5: a challenge for everybody, also for whom nobody knows ("n,,n=paris,r=fyko"); RFC 6120 6.5.1: aborted. */
static void challenge_for_everybody(void)
{
	struct cpl_test_session *paris = open_stream(cpl_test_connect("paris"));

	cpl_test_drop(paris);
	cpl_test_send(paris, "<auth " SASL " mechanism='SCRAM-SHA-256'>biwsbj1wYXJpcyxyPWZ5a28=</auth>");
	cpl_test_advance(1000); /* for everybody the same time */
	cpl_test_expect(paris, "<challenge " SASL "/>");
	cpl_test_send(paris, "<abort " SASL "/>");
	cpl_test_expect(paris, FAILURE("aborted"));
}

static void accounts_by_command(void)
{
	cpl_test_password("romeo@example.org", "wherefore");
	CPL_TEST_CHECK(strstr(cpl_test_command("user list example.org"), "romeo@example.org"));
	CPL_TEST_CHECK(!strncmp(cpl_test_command("user list example.net"), "refused: ", 9));
	CPL_TEST_CHECK(!strstr(cpl_test_command("deluser romeo@example.org"), "refused"));
	CPL_TEST_CHECK(!strstr(cpl_test_command("user list example.org"), "romeo"));
	CPL_TEST_CHECK(strstr(cpl_test_command("deluser romeo@example.org"), "refused"));
}

static const struct cpl_test_case cases[] = {
	{"the right password is let in", right_password, CPL_TEST_NOT_RELOADED},
	{"a wrong one is not, three times", wrong_password, CPL_TEST_NOT_RELOADED},
	{"no password in the clear", plain_needs_tls, 0},
	{"everybody gets a challenge", challenge_for_everybody, CPL_TEST_NOT_RELOADED},
	{"accounts are listed and removed", accounts_by_command, 0},
	CPL_TEST_CASES_END,
};

CPL_MODULE_TEST(auth) = {.cases = cases, .options = "iterations: 4096"};
