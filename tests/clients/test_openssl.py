# SPDX-License-Identifier: MIT
"""openssl s_client: the peer derives every key of TLS 1.3 with OpenSSL's code, the server with its own. Data in both directions says
that they are the same."""
import os

from stage import Failed

STREAM = ("<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	"</stream:stream>\n")
SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']


async def stream(stage, *arguments):
	"""A stream is opened and closed; what s_client prints holds the server's header."""
	code, output = await stage.execute('openssl', 's_client', '-connect', '127.0.0.1:%d' % stage.direct_port, '-servername', 'localhost',
		'-ign_eof', *arguments, given=STREAM)
	if code or '</stream:stream>' not in output:
		raise Failed('exit code %d: %s' % (code, output))
	return output


def expect(output, text):
	if text not in output:
		raise Failed('no "%s" in: %s' % (text, output))


async def test_each_suite_and_the_resumption_of_its_session(stage):
	"""RFC 8446 7.1: the schedule with the hash of each suite, without and with a secret shared before."""
	for suite in SUITES:
		session = os.path.join(stage.directory, suite)
		output = await stream(stage, '-tls1_3', '-ciphersuites', suite, '-sess_out', session)
		expect(output, 'New, TLSv1.3, Cipher is ' + suite)
		for number in range(2):
			output = await stream(stage, '-tls1_3', '-ciphersuites', suite, '-sess_in', session)
			expect(output, 'Reused, TLSv1.3, Cipher is ' + suite)


async def test_each_group(stage):
	"""The secrets of the key exchange are of different lengths: 32, 48, 56 and 66 bytes."""
	for group in ['X25519', 'P-256', 'P-384', 'X448', 'P-521']:
		expect(await stream(stage, '-tls1_3', '-groups', group), 'New, TLSv1.3, Cipher is ')


async def test_another_group_than_the_first_guess(stage):
	"""RFC 8446 4.1.4: a HelloRetryRequest; the key share comes with the second ClientHello."""
	expect(await stream(stage, '-tls1_3', '-groups', 'ffdhe2048:P-256'), 'Server Temp Key: ECDH, prime256v1')


async def test_tls_1_2(stage):
	"""RFC 5246 has another derivation, which is OpenSSL's on both sides."""
	expect(await stream(stage, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256'), 'New, TLSv1.2, Cipher is ECDHE-')
