# SPDX-License-Identifier: MIT
"""slixmpp's plugin for Ad-Hoc Commands (XEP-0050)."""
import asyncio

from person import Person
from stage import Failed


class Administrator(Person):
	"""One who runs commands."""

	def __init__(self, stage, account):
		super().__init__(stage, account)
		for plugin in ('xep_0004', 'xep_0050'):
			self.register_plugin(plugin)

	async def execute(self, node, **values):
		"""Runs a command to its end, with a form filled in if it has one; returns the command element of the last answer."""
		done = asyncio.get_running_loop().create_future()
		commands = self['xep_0050']

		def on_next(iq, session):
			if iq['command']['status'] == 'completed':
				done.set_result(iq['command'])
				return
			form = self['xep_0004'].make_form(ftype='submit')
			asked = {field['var'] for field in iq['command']['form'].get_fields().values() if field['required']}
			if asked - set(values):
				done.set_exception(Failed('the form asks for %s' % (asked - set(values))))
				return
			for name, value in values.items():
				form.add_field(var=name, value=value)
			session['payload'] = form
			session['next'] = on_next
			if 'complete' not in iq['command']['actions']:
				done.set_exception(Failed('actions: %s' % iq['command']))
			commands.complete_command(session)

		def on_error(iq, _session):
			done.set_exception(Failed('error: %s' % iq['error']['condition']))

		commands.start_command('localhost', node, {'next': on_next, 'error': on_error})
		return await asyncio.wait_for(done, self.stage.seconds(60))


def table(command):
	return [dict(item) for item in command['form'].get_items()]


async def administrator(stage):
	account = stage.account('romeo')
	done = stage.server.ctl(['user', 'role', account[0], 'admin'])
	if done.returncode:
		raise Failed('user role exits %d: %s' % (done.returncode, done.stderr))
	return await Administrator(stage, account).log_in()


async def test_commands_are_found(stage):
	"""XEP-0050, 2.1 and 2.2."""
	stage.server.ctl(['module', 'load', 'adhoc'])
	romeo = await administrator(stage)
	info = (await romeo['xep_0030'].get_info(jid='localhost'))['disco_info']
	if 'http://jabber.org/protocol/commands' not in info['features']:
		raise Failed('features: %s' % info['features'])
	items = (await romeo['xep_0050'].get_commands(jid='localhost'))['disco_items']['items']
	nodes = {node for _jid, node, _name in items}
	if not {'status', 'session list', 'user list', 'adduser'} <= nodes or nodes & {'deluser', 'shutdown'}:
		raise Failed('commands: %s' % nodes)
	info = (await romeo['xep_0030'].get_info(jid='localhost', node='user list'))['disco_info']
	if ('automation', 'command-node') not in {identity[:2] for identity in info['identities']}:
		raise Failed('identities: %s' % info['identities'])
	await romeo.log_out()


async def test_command_without_form(stage):
	"""XEP-0050, 2.3: one step."""
	romeo = await administrator(stage)
	rows = {row['name']: row['value'] for row in table(await romeo.execute('status'))}
	if int(rows.get('hosts', 0)) < 1 or int(rows['sessions']) < 1:
		raise Failed('status: %s' % rows)
	await romeo.log_out()


async def test_command_with_form(stage):
	"""XEP-0050, 2.4: a form, then the end; then the account can be used."""
	romeo = await administrator(stage)
	done = await romeo.execute('adduser', account='mercutio@localhost', password='a plague')
	if done['notes'][0][0] != 'info' or 'mercutio@localhost added' not in done['notes'][0][1]:
		raise Failed('notes: %s' % done['notes'])
	mercutio = await Person(stage, ('mercutio@localhost', 'a plague')).log_in()
	rows = table(await romeo.execute('session list', host='localhost'))
	if str(mercutio.boundjid) not in {row['jid'] for row in rows}:
		raise Failed('sessions: %s' % rows)
	again = await romeo.execute('adduser', account='mercutio@localhost', password='a plague')
	if again['notes'][0][0] != 'error':
		raise Failed('notes: %s' % again['notes'])
	await mercutio.log_out()
	await romeo.log_out()


async def test_command_is_given_up(stage):
	"""XEP-0050, 2.4, and what follows it."""
	romeo = await administrator(stage)
	commands = romeo['xep_0050']
	answer = await commands.send_command('localhost', 'user list')
	answer = await commands.send_command('localhost', 'user list', action='cancel', sessionid=answer['command']['sessionid'])
	if answer['command']['status'] != 'canceled':
		raise Failed('answer: %s' % answer)
	await romeo.log_out()


async def test_not_for_everybody(stage):
	"""XEP-0050, table 4."""
	juliet = await Administrator(stage, stage.account('juliet')).log_in()
	items = (await juliet['xep_0050'].get_commands(jid='localhost'))['disco_items']['items']
	if items:
		raise Failed('commands: %s' % items)
	try:
		await juliet.execute('status')
	except Failed as error:
		if 'forbidden' not in str(error):
			raise
	else:
		raise Failed('it was run')
	await juliet.log_out()
