# SPDX-License-Identifier: MIT
"""slixmpp as an external component (XEP-0114), as gateways and bots in Python are."""
import asyncio

import slixmpp
from person import Person
from stage import Failed

SECRET = 'parting is such sweet sorrow'


class Gateway(slixmpp.ComponentXMPP):
	def __init__(self, stage, secret=SECRET):
		super().__init__('gateway.localhost', secret, '127.0.0.1', stage.server.ports['component'])
		self.stage = stage
		self.started, self.ended = asyncio.Event(), asyncio.Event()
		self.read = []
		self.register_plugin('xep_0030')
		self.register_plugin('xep_0199')
		self['xep_0030'].add_identity(category='gateway', itype='sms', name='Letters')
		self.add_event_handler('session_start', lambda _event: self.started.set())
		self.add_event_handler('disconnected', self.on_disconnected)
		self.add_event_handler('message', self.on_message)
		self.add_event_handler('presence_subscribe', self.on_subscribe)

	def on_disconnected(self, _event):
		self.abort_reconnect = True
		self.cancel_connection_attempt()
		self.ended.set()

	def on_message(self, message):
		self.read.append(message)
		if message['type'] in ('chat', 'normal'):
			message.reply('You said: ' + message['body']).send()

	def on_subscribe(self, presence):
		self.send_presence(pto=presence['from'].bare, pfrom=presence['to'].bare, ptype='subscribed')
		self.send_presence(pto=presence['from'].bare, pfrom=presence['to'].bare, pstatus='always here')

	async def come(self):
		self.connect()
		await asyncio.wait_for(self.started.wait(), self.stage.seconds(60))
		return self

	async def go(self):
		self.disconnect()
		await asyncio.wait_for(self.ended.wait(), self.stage.seconds(60))


async def test_messages_to_and_from_addresses_behind_it(stage):
	"""XEP-0114, 3."""
	gateway = await Gateway(stage).come()
	romeo = await Person(stage, stage.account('romeo')).log_in()
	romeo.send_message(mto='juliet@gateway.localhost', mbody='Wilt thou leave me so <unsatisfied>?', mtype='chat')
	message = await romeo.reads('You said: Wilt thou leave me so <unsatisfied>?')
	if message['from'].bare != 'juliet@gateway.localhost' or gateway.read[0]['from'] != romeo.boundjid:
		raise Failed('from %s, to %s' % (message['from'], gateway.read[0]['from']))
	await romeo.log_out()
	await gateway.go()


async def test_disco_and_ping_both_ways(stage):
	"""XEP-0030, XEP-0199."""
	gateway = await Gateway(stage).come()
	romeo = await Person(stage, stage.account('romeo')).log_in()
	romeo.register_plugin('xep_0030')
	info = await romeo['xep_0030'].get_info(jid='gateway.localhost', timeout=stage.seconds(60))
	if ('gateway', 'sms', None, 'Letters') not in info['disco_info']['identities']:
		raise Failed('identities: %s' % info['disco_info']['identities'])
	items = await romeo['xep_0030'].get_items(jid='localhost', timeout=stage.seconds(60))
	if 'gateway.localhost' not in [str(item[0]) for item in items['disco_items']['items']]:
		raise Failed('items: %s' % items)
	await gateway['xep_0199'].ping('localhost', ifrom='gateway.localhost', timeout=stage.seconds(60))
	info = await gateway['xep_0030'].get_info(jid='localhost', ifrom='u@gateway.localhost', timeout=stage.seconds(60))
	if 'urn:xmpp:ping' not in info['disco_info']['features']:
		raise Failed('features: %s' % info['disco_info']['features'])
	await romeo.log_out()
	await gateway.go()


async def test_subscription_to_an_address_behind_it(stage):
	"""RFC 6121, 3.1."""
	gateway = await Gateway(stage).come()
	romeo = await Person(stage, stage.account('romeo')).log_in()
	romeo.send_presence_subscription(pto='juliet@gateway.localhost')
	await stage.eventually('romeo is subscribed', lambda: romeo.client_roster['juliet@gateway.localhost']['subscription'] == 'to')
	await stage.eventually('romeo sees the address', lambda: romeo.online('juliet@gateway.localhost'))
	await romeo.log_out()
	await gateway.go()


async def test_wrong_secret(stage):
	"""XEP-0114, 3: refused, and the stream closed."""
	gateway = Gateway(stage, 'farewell')
	gateway.connect()
	await stage.eventually('the stream is closed', gateway.ended.is_set)
	if gateway.started.is_set():
		raise Failed('it has been let in')


async def test_it_comes_back(stage):
	"""After its end another may connect, and is heard."""
	await (await Gateway(stage).come()).go()
	gateway = await Gateway(stage).come()
	romeo = await Person(stage, stage.account('romeo')).log_in()
	romeo.send_message(mto='gateway.localhost', mbody='again', mtype='chat')
	await romeo.reads('You said: again')
	await romeo.log_out()
	await gateway.go()
