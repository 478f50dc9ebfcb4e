# SPDX-License-Identifier: MIT
"""slixmpp's plugins for Service Administration (XEP-0133) and data forms (XEP-0004); contact addresses (XEP-0157) by service discovery."""
import asyncio
import json
import os

from person import Person
from stage import Failed

ADMIN = 'http://jabber.org/protocol/admin'


class Administrator(Person):
	"""One who runs commands of XEP-0133."""

	def __init__(self, stage, account):
		super().__init__(stage, account)
		for plugin in ('xep_0004', 'xep_0050', 'xep_0128', 'xep_0133'):
			self.register_plugin(plugin)

	async def administer(self, name, values=None):
		"""Runs a command as the plugin has it, with a form filled in if it has one; returns the last answer's command, or the error's condition."""
		done = asyncio.get_running_loop().create_future()

		def on_next(iq, session):
			if iq['command']['status'] == 'completed':
				done.set_result(iq['command'])
				return
			form = iq['command']['form']
			if form.get_fields()['FORM_TYPE'].get_value() not in (ADMIN, [ADMIN]):
				done.set_exception(Failed('form: %s' % form))
				return
			form.reply()
			form['type'] = 'submit'
			form.set_values(values or {})
			session['payload'] = form
			session['next'] = on_next
			self['xep_0050'].complete_command(session)

		def on_error(iq, session):
			self['xep_0050'].terminate_command(session)
			done.set_result(iq['error']['condition'])

		getattr(self['xep_0133'], name)('localhost', session={'next': on_next, 'error': on_error})
		return await asyncio.wait_for(done, self.stage.seconds(60))


def configure(stage, more=''):
	"""All modules that commands of XEP-0133 need, for good."""
	with open(stage.server.config, encoding='utf-8') as config:
		text = config.read()
	listed = 'modules: [adhoc, admin, announce, contact, motd, welcome, invites, register, lastlogin, '
	with open(stage.server.config, 'w', encoding='utf-8') as config:
		config.write((text if listed in text else text.replace('modules: [', listed)) + more)
	done = stage.server.ctl(['reload'])
	if done.returncode:
		raise Failed('reload exits %d: %s' % (done.returncode, done.stderr))


async def administrator(stage):
	for module in ('adhoc', 'admin', 'announce', 'contact'):
		stage.server.ctl(['module', 'load', module])
	account = stage.account('romeo')
	done = stage.server.ctl(['user', 'role', account[0], 'admin'])
	if done.returncode:
		raise Failed('user role exits %d: %s' % (done.returncode, done.stderr))
	return await Administrator(stage, account).log_in()


def values(command, var):
	return command['form'].get_fields()[var].get_value()


async def test_numbers_and_lists(stage):
	"""XEP-0133, 4.13 to 4.20."""
	romeo = await administrator(stage)
	if int(values(await romeo.administer('get_online_users_num'), 'onlineusersnum')) < 1:
		raise Failed('nobody is online')
	if int(values(await romeo.administer('get_registered_users_num'), 'registeredusersnum')) < 1:
		raise Failed('nobody is registered')
	listed = values(await romeo.administer('get_online_users_list', {'max_items': 'none'}), 'onlineuserjids')
	if romeo.boundjid.bare not in listed:
		raise Failed('online: %s' % listed)
	await romeo.log_out()


async def test_users(stage):
	"""XEP-0133, 4.1, 4.3 and 4.4."""
	romeo = await administrator(stage)
	fields = {'accountjid': 'balthasar@localhost', 'password': 'mandrake', 'password-verify': 'mandrake'}
	if isinstance(await romeo.administer('add_user', fields), str):
		raise Failed('he is not added')
	balthasar = await Person(stage, ('balthasar@localhost', 'mandrake')).log_in()
	if await romeo.administer('add_user', fields) != 'conflict':
		raise Failed('he is added twice')
	await balthasar.log_out()
	accounts = {'accountjids': ['balthasar@localhost']}
	if isinstance(await romeo.administer('disable_user', accounts), str):
		raise Failed('he is not disabled')
	if 'balthasar@localhost' not in values(await romeo.administer('get_disabled_users_list', {'max_items': '200'}), 'disableduserjids'):
		raise Failed('he is not among the disabled')
	if isinstance(await romeo.administer('reenable_user', accounts), str):
		raise Failed('he is not enabled')
	balthasar = await Person(stage, ('balthasar@localhost', 'mandrake')).log_in()
	await balthasar.log_out()
	await romeo.log_out()


async def test_roster(stage):
	"""XEP-0133, 4.8: the form has a roster in it (RFC 6121, 2.1)."""
	romeo = await administrator(stage)
	juliet = stage.account('juliet')[0]
	stage.server.ctl(['roster', 'add', juliet, 'romeo@localhost', '--name', 'Romeo', '--groups', 'Friends', '--subscription', 'both'])
	command = await romeo.administer('get_user_roster', {'accountjids': [juliet]})
	if isinstance(command, str):
		raise Failed('no roster: %s' % command)
	item = command.xml.find('.//{jabber:iq:roster}item')
	if item is None or (item.get('jid'), item.get('name'), item.get('subscription'), [group.text for group in item]) != ('romeo@localhost', 'Romeo', 'both', ['Friends']):
		raise Failed('roster: %s' % command)
	if await romeo.administer('get_user_roster', {'accountjids': ['nobody@localhost']}) != 'conflict':
		raise Failed('nobody has a roster')
	await romeo.log_out()


async def test_every_command_has_its_form(stage):
	"""XEP-0133, 4: those that the plugin knows; it has two names that the specification has not, and nobody keeps lists of domains (couplet-modules(5), admin)."""
	configure(stage)
	romeo = await administrator(stage)
	for_operators = {'delete-user', 'get-user-password', 'change-user-password', 'edit-admin', 'restart', 'shutdown'}
	offered = {item[1].partition('#')[2] for item in (await romeo['xep_0133'].get_commands('localhost'))['disco_items']['items']}
	wanted = romeo['xep_0133'].commands - {'edit-blacklist', 'edit-whitelist', 'get-online-users', 'get-idle-userslist'} | {'get-idle-users'}
	if wanted - for_operators - offered or for_operators & offered:
		raise Failed('offered: %s, wanted: %s' % (sorted(offered), sorted(wanted - for_operators - offered)))
	for name in for_operators:
		if await romeo.administer(name.replace('-', '_')) != 'forbidden':
			raise Failed('%s is not for operators' % name)
	for name in ('edit_blacklist', 'edit_whitelist'):
		if await romeo.administer(name) != 'item-not-found':
			raise Failed('%s is something' % name)
	await romeo.log_out()


async def test_contact(stage):
	"""XEP-0157, 2: a form in the host's disco#info, which slixmpp reads as XEP-0128 has it."""
	configure(stage, 'contact: {abuse: ["mailto:abuse@example.org", "xmpp:abuse@example.org"]}\n')
	romeo = await administrator(stage)
	info = (await romeo['xep_0030'].get_info(jid='localhost'))['disco_info']
	forms = [form for form in info.xml.findall('{jabber:x:data}x')]
	fields = {field.get('var'): [value.text for value in field.findall('{jabber:x:data}value')] for form in forms for field in form}
	if fields.get('FORM_TYPE') != ['http://jabber.org/network/serverinfo'] or fields.get('abuse-addresses') != ['mailto:abuse@example.org', 'xmpp:abuse@example.org']:
		raise Failed('contact: %s' % fields)
	await romeo.log_out()


async def test_restart(stage):
	"""XEP-0133, 4.30: the server goes and comes again, as the same process."""
	account = stage.account('escalus')
	status = lambda: {row['name']: row['value'] for row in json.loads(stage.server.ctl(['--json', 'status']).stdout or '[]')}
	configure(stage, 'admins: [%s]\n' % account[0])
	before = status()
	files = len(os.listdir('/proc/%d/fd' % before['pid']))
	escalus = await Administrator(stage, account).log_in()
	if isinstance(await escalus.administer('restart', {'delay': '0'}), str):
		raise Failed('it is refused')
	await stage.eventually('the server is there again', lambda: status().get('started', before['started']) != before['started'])
	if status()['pid'] != before['pid']:
		raise Failed('it is another process')
	# The connection of the last question may still be there; what is inherited stays.
	await stage.eventually('it has inherited no files', lambda: len(os.listdir('/proc/%d/fd' % before['pid'])) <= files)
	again = await Administrator(stage, account).log_in()
	await again.log_out()


async def test_not_for_everybody(stage):
	"""XEP-0133, 5."""
	romeo = await administrator(stage)
	juliet = await Administrator(stage, stage.account('juliet')).log_in()
	for name in ('add_user', 'delete_user', 'get_online_users_num', 'announce', 'shutdown'):
		if await juliet.administer(name, {}) != 'forbidden':
			raise Failed('%s is not forbidden' % name)
	await juliet.log_out()
	await romeo.log_out()
