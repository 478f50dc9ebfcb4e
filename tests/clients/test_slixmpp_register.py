# SPDX-License-Identifier: MIT
"""slixmpp's plugin for In-Band Registration (XEP-0077)."""
import asyncio

from slixmpp.exceptions import IqError

from person import Person
from stage import Failed


class Member(Person):
	"""One who has an account."""

	def __init__(self, stage, account):
		super().__init__(stage, account)
		for plugin in ('xep_0004', 'xep_0066', 'xep_0077'):
			self.register_plugin(plugin)


class Newcomer(Member):
	"""One who has none yet, and makes it before logging in."""

	def __init__(self, stage, account):
		super().__init__(stage, account)
		self._always_send_everything = True   # slixmpp 1.8.3 holds back every other IQ until a resource is bound, those of its own plugin too
		self.made = None
		self.add_event_handler('register', self.on_register)

	async def on_register(self, form):
		iq = self.Iq(stype='set')
		iq['register']['username'] = self.boundjid.user
		iq['register']['password'] = self.password
		self.made = (form['register']['instructions'], iq)
		try:
			await iq.send()
		except IqError as error:
			self.made = error


def with_register(stage):
	"""The module in the configuration, open to all."""
	script = stage.server.script
	if 'register' in script.settings:
		return
	script.settings = dict(script.settings, register='register: {open: true}\n',
		modules='modules: [tls, auth, bind, roster, presence, message, iq, disco, offline, ping, time, version, register]\n')
	stage.server.terminate(lambda: None)
	stage.server.write_config()
	stage.start()


async def test_registration(stage):
	"""XEP-0077, 3.1: the plugin finds the stream feature, gets the form, registers and logs in."""
	with_register(stage)
	benvolio = await Newcomer(stage, ('benvolio@localhost', 'part fools')).log_in()
	if not isinstance(benvolio.made, tuple) or not benvolio.made[0]:
		raise Failed('registration: %s' % (benvolio.made,))
	await benvolio.log_out()


async def test_password(stage):
	"""XEP-0077, 3.3."""
	with_register(stage)
	romeo = await Member(stage, stage.account('romeo')).log_in()
	await romeo['xep_0077'].change_password('wherefore art thou', jid='localhost')
	await romeo.log_out()
	romeo = await Member(stage, (romeo.boundjid.bare, 'wherefore art thou')).log_in()
	own = await romeo['xep_0077'].get_registration(jid='localhost')
	if not own['register']['registered'] or own['register']['username'] != romeo.boundjid.user:
		raise Failed('registration: %s' % own)
	await romeo.log_out()


async def test_removal(stage):
	"""XEP-0077, 3.2."""
	with_register(stage)
	tybalt = await Member(stage, stage.account('tybalt')).log_in()
	gone = asyncio.get_running_loop().create_future()
	tybalt.add_event_handler('disconnected', lambda _reason: gone.done() or gone.set_result(None))
	await tybalt['xep_0077'].cancel_registration(jid='localhost')
	await asyncio.wait_for(gone, stage.seconds(60))
	listed = stage.server.ctl(['user', 'list', 'localhost']).stdout
	if tybalt.boundjid.bare in listed:
		raise Failed('accounts: %s' % listed)
