# SPDX-License-Identifier: MIT
"""sendxmpp and go-sendxmpp: they say one message, </stream:stream>, and are gone. The message must have arrived (RFC 6120, 4.4)."""
from person import Person
from stage import Failed


async def go_send(stage, sender, receiver, text):
	return await stage.execute('go-sendxmpp', '-n', '-u', sender[0], '-p', sender[1], '-j', '127.0.0.1:%d' % stage.port, receiver,
		given=text + '\n', environment={'HOME': stage.directory})


async def perl_send(stage, sender, receiver, text):
	return await stage.execute('sendxmpp', '-t', '--no-tls-verify', '-u', sender[0].split('@')[0], '-p', sender[1],
		'-j', '127.0.0.1:%d' % stage.port, '-o', 'localhost', receiver, given=text + '\n', environment={'HOME': stage.directory})


async def check(stage, send):
	romeo, juliet = stage.account('romeo'), stage.account('juliet')
	reader = await Person(stage, juliet).log_in()
	for number in range(5):
		code, output = await send(stage, romeo, juliet[0], 'to one who is here %d' % number)
		if code:
			raise Failed('exit code %d: %s' % (code, output))
		message = await reader.reads('to one who is here %d' % number)
		if message['from'].bare != romeo[0]:
			raise Failed('from %s' % message['from'])
	await reader.log_out()
	code, output = await send(stage, romeo, juliet[0], 'to one who is away')
	if code:
		raise Failed('exit code %d: %s' % (code, output))
	reader = await Person(stage, juliet).log_in()
	await reader.reads('to one who is away')
	await reader.log_out()


async def test_go_sendxmpp(stage):
	await check(stage, go_send)


async def test_go_sendxmpp_over_direct_tls(stage):
	romeo, juliet = stage.account('romeo'), stage.account('juliet')
	code, output = await stage.execute('go-sendxmpp', '-n', '-t', '-u', romeo[0], '-p', romeo[1],
		'-j', '127.0.0.1:%d' % stage.direct_port, juliet[0], given='hello\n', environment={'HOME': stage.directory})
	if code:
		raise Failed('exit code %d: %s' % (code, output))
	reader = await Person(stage, juliet).log_in()
	await reader.reads('hello')
	await reader.log_out()


async def test_go_sendxmpp_listens(stage):
	"""The other direction: it prints what it receives."""
	romeo, juliet = stage.account('romeo'), stage.account('juliet')
	sender = await Person(stage, romeo).log_in()
	sender.send_message(mto=juliet[0], mbody='listen to this', mtype='chat')
	await sender['xep_0199'].ping('localhost')
	await stage.listen('listen to this', 'go-sendxmpp', '-n', '-l', '-u', juliet[0], '-p', juliet[1], '-j', '127.0.0.1:%d' % stage.port,
		environment={'HOME': stage.directory})
	await sender.log_out()


async def test_sendxmpp(stage):
	await check(stage, perl_send)
