# SPDX-License-Identifier: MIT
"""slixmpp's plugins for what accounts keep: private XML (XEP-0049), vCards (XEP-0054), blocked addresses (XEP-0191), last activity
(XEP-0012); and of the archive of messages (XEP-0313)."""
from slixmpp.exceptions import IqError
from slixmpp.plugins.xep_0048 import Bookmarks

from person import Person
from stage import Failed


async def log_in(stage, name, *plugins):
	person = Person(stage, stage.account(name))
	for plugin in plugins:
		person.register_plugin(plugin)
	return await person.log_in()


async def test_private_xml(stage):
	"""XEP-0049, 2.3, by the bookmarks of XEP-0048."""
	stage.server.ctl(['module', 'load', 'private'])
	romeo = await log_in(stage, 'romeo', 'xep_0048', 'xep_0049')
	bookmarks = Bookmarks()
	bookmarks.add_conference('room@rooms.localhost', 'romeo', name='The room', autojoin=True)
	await romeo['xep_0049'].store(bookmarks)
	kept = (await romeo['xep_0049'].retrieve('bookmarks'))['private']['bookmarks']['conferences']
	if [(str(room['jid']), room['nick'], room['autojoin']) for room in kept] != [('room@rooms.localhost', 'romeo', True)]:
		raise Failed('bookmarks: %s' % kept)
	await romeo.log_out()


async def test_vcard(stage):
	"""XEP-0054, 3.1 to 3.3."""
	stage.server.ctl(['module', 'load', 'vcard'])
	romeo = await log_in(stage, 'romeo', 'xep_0054')
	juliet = await log_in(stage, 'juliet', 'xep_0054')
	card = romeo['xep_0054'].make_vcard()
	card['FN'] = 'Romeo Montague'
	card['NICKNAME'] = 'Romeo'
	await romeo['xep_0054'].publish_vcard(card)
	seen = (await juliet['xep_0054'].get_vcard(romeo.boundjid.bare))['vcard_temp']
	if seen['FN'] != 'Romeo Montague' or seen['NICKNAME'] != ['Romeo']:
		raise Failed('vCard: %s' % seen)
	try:
		await romeo['xep_0054'].get_vcard(juliet.boundjid.bare)
	except IqError as error:
		if error.condition != 'service-unavailable':
			raise
	else:
		raise Failed('juliet has a vCard')
	await romeo.log_out()
	await juliet.log_out()


async def test_blocking(stage):
	"""XEP-0191, 3.2 to 3.5."""
	stage.server.ctl(['module', 'load', 'blocklist'])
	romeo = await log_in(stage, 'romeo', 'xep_0191')
	juliet = await log_in(stage, 'juliet')
	pushes = []
	romeo.add_event_handler('blocked', pushes.append)
	if (await romeo['xep_0191'].get_blocked())['blocklist']['items']:
		raise Failed('somebody is blocked')
	await romeo['xep_0191'].block([juliet.boundjid.bare, 'example.net'])
	await stage.eventually('romeo gets the push', lambda: pushes)
	kept = (await romeo['xep_0191'].get_blocked())['blocklist']['items']
	if {str(jid) for jid in kept} != {juliet.boundjid.bare, 'example.net'}:
		raise Failed('blocked: %s' % kept)
	juliet.send_message(mto=romeo.boundjid.bare, mbody='one', mtype='chat')
	await romeo['xep_0191'].unblock([juliet.boundjid.bare])
	juliet.send_message(mto=romeo.boundjid.bare, mbody='two', mtype='chat')
	await romeo.reads('two')
	if any(message['body'] == 'one' for message in romeo.messages):
		raise Failed('what was blocked has arrived')
	await romeo.log_out()
	await juliet.log_out()


async def test_last_activity(stage):
	"""XEP-0012, 3 and 5."""
	for module in ('lastactivity', 'uptime'):
		stage.server.ctl(['module', 'load', module])
	romeo = await log_in(stage, 'romeo', 'xep_0012')
	juliet = await log_in(stage, 'juliet', 'xep_0012')
	await romeo.befriend(juliet)
	juliet.send_presence(ptype='unavailable', pstatus='Good night')
	await juliet.log_out()
	last = (await romeo['xep_0012'].get_last_activity(juliet.boundjid.bare))['last_activity']
	if last['status'] != 'Good night' or not 0 <= last['seconds'] < 30:
		raise Failed('last activity: %s' % last)
	if not 0 <= (await romeo['xep_0012'].get_last_activity('localhost'))['last_activity']['seconds'] < 1000:
		raise Failed('the server runs for too long')
	await romeo.log_out()


async def test_archive(stage):
	"""XEP-0313, 4 and 5, page by page, in both directions."""
	for module in ('archive', 'mam'):
		stage.server.ctl(['module', 'load', module])
	romeo = await log_in(stage, 'romeo', 'xep_0059', 'xep_0313')
	juliet = await log_in(stage, 'juliet', 'xep_0059', 'xep_0313', 'xep_0359')
	for number in range(25):
		romeo.send_message(mto=juliet.boundjid.bare, mbody='line %d' % number, mtype='chat')
	await juliet.reads('line 24')
	wanted = ['line %d' % number for number in range(25)]
	bare = juliet.boundjid.bare

	def bodies(messages):
		return [message['mam_result']['forwarded']['stanza']['body'] for message in messages]

	found = [message async for message in juliet['xep_0313'].iterate(jid=bare, rsm={'max': 10})]
	if bodies(found) != wanted:
		raise Failed('forwards: %s' % bodies(found))
	ids = [message['stanza_id']['id'] for message in juliet.messages if message['body'] in wanted]
	if [message['mam_result']['id'] for message in found] != ids:
		raise Failed('the ids are not those of what was delivered')
	found = [message async for message in juliet['xep_0313'].iterate(jid=bare, reverse=True, rsm={'max': 10}, total=12)]
	if bodies(found) != wanted[:-13:-1]:
		raise Failed('backwards: %s' % bodies(found))
	found = [message async for message in juliet['xep_0313'].iterate(jid=bare, with_jid='nurse@localhost')]
	if found:
		raise Failed('with the nurse: %s' % bodies(found))
	metadata = (await juliet['xep_0313'].get_archive_metadata(bare))['mam_metadata']
	if (metadata['start']['id'], metadata['end']['id']) != (ids[0], ids[-1]):
		raise Failed('metadata: %s' % metadata)
	fields = (await juliet['xep_0313'].get_fields(bare)).get_fields()
	if not {'with', 'start', 'end', 'before-id', 'after-id', 'ids'} <= set(fields):
		raise Failed('fields: %s' % list(fields))
	await romeo.log_out()
	await juliet.log_out()
