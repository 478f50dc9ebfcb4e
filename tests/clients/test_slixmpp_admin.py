# SPDX-License-Identifier: MIT
"""slixmpp's plugins for Service Administration (XEP-0133) and data forms (XEP-0004); contact addresses (XEP-0157) by service discovery."""
import asyncio

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
		return await asyncio.wait_for(done, self.stage.seconds(10))


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


async def test_not_for_everybody(stage):
	"""XEP-0133, 5."""
	romeo = await administrator(stage)
	juliet = await Administrator(stage, stage.account('juliet')).log_in()
	for name in ('add_user', 'delete_user', 'get_online_users_num', 'announce', 'shutdown'):
		if await juliet.administer(name, {}) != 'forbidden':
			raise Failed('%s is not forbidden' % name)
	await juliet.log_out()
	await romeo.log_out()
