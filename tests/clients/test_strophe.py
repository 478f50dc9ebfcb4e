# SPDX-License-Identifier: MIT
"""libstrophe: the library below several clients, with the small program strophe.c, beside slixmpp."""
import asyncio
import os

from person import Person
from stage import Failed


async def meet(stage, way, port):
	romeo, juliet = stage.account('romeo'), stage.account('juliet')
	peer = await Person(stage, juliet).log_in()
	program = os.path.join(stage.options.build, 'tests/clients/strophe')
	running = asyncio.ensure_future(stage.execute(program, romeo[0], romeo[1], str(port), way, juliet[0]))
	try:
		message = await peer.reads('hello from strophe')
		await peer['xep_0199'].ping(message['from'])
		message.reply('hello to strophe').send()
		code, output = await running
	finally:
		running.cancel()
	expected = 'connected: secure\nroster: result\nping from %s\nmessage: hello to strophe\ndisconnected\n' % peer.boundjid
	if code or output != expected:
		raise Failed('exit code %d, and it says:\n%s' % (code, output))
	await peer.log_out()


async def test_with_starttls(stage):
	await meet(stage, 'starttls', stage.port)


async def test_with_direct_tls(stage):
	await meet(stage, 'direct', stage.direct_port)
