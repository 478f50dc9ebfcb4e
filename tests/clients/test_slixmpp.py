# SPDX-License-Identifier: MIT
"""slixmpp: a library for Python that many bots use."""
import datetime

from person import Person
from stage import Failed


async def test_login_with_starttls(stage):
	"""RFC 6120, 5 and 6; of the channel bindings it knows only tls-unique."""
	romeo = await Person(stage, stage.account('romeo')).log_in()
	mechanism = romeo['feature_mechanisms'].mech.name
	if mechanism != 'SCRAM-SHA-256-PLUS':
		raise Failed('authenticated with ' + mechanism)
	if romeo.boundjid.resource != 'slixmpp':
		raise Failed('bound as %s' % romeo.boundjid)
	await romeo.log_out()


async def test_login_with_direct_tls(stage):
	"""XEP-0368."""
	romeo = await Person(stage, stage.account('romeo')).log_in(direct=True)
	await romeo.log_out()


async def test_wrong_password(stage):
	"""RFC 6120, 6.5.10."""
	jid, _password = stage.account('romeo')
	romeo = Person(stage, (jid, 'wrong'))
	romeo.connect(('127.0.0.1', stage.port))
	await stage.eventually('the login is refused, and after some tries the stream closed', lambda: romeo.ended)
	if romeo.started.is_set() or not romeo.refused:
		raise Failed('it has not been refused')


async def test_roster(stage):
	"""RFC 6121, 2.1 to 2.5."""
	account = stage.account('romeo')
	romeo = await Person(stage, account).log_in()
	romeo.update_roster('nurse@localhost', name='Nurse', groups=['Servants', 'Friends'])
	await stage.eventually('the item is pushed', lambda: 'nurse@localhost' in romeo.client_roster and
		romeo.client_roster['nurse@localhost']['name'] == 'Nurse')
	await romeo.log_out()
	romeo = await Person(stage, account).log_in()
	item = romeo.client_roster['nurse@localhost']
	if (item['name'], item['subscription'], sorted(item['groups'])) != ('Nurse', 'none', ['Friends', 'Servants']):
		raise Failed('the roster has %s' % item)
	romeo.del_roster_item('nurse@localhost')
	await stage.eventually('the removal is pushed', lambda: 'nurse@localhost' not in romeo.client_roster.keys() or
		romeo.client_roster['nurse@localhost']['subscription'] == 'remove')
	again = await Person(stage, account, 'again').log_in()
	if 'nurse@localhost' in again.client_roster.keys():
		raise Failed('the removed item is in the roster')
	await again.log_out()
	await romeo.log_out()


async def test_subscription_presence_and_chat(stage):
	"""RFC 6121, 3, 4 and 5."""
	romeo = await Person(stage, stage.account('romeo')).log_in()
	juliet = await Person(stage, stage.account('juliet')).log_in()
	await romeo.befriend(juliet)
	for one, other in ((romeo, juliet), (juliet, romeo)):
		await stage.eventually('%s sees %s' % (one.boundjid, other.boundjid), lambda: 'slixmpp' in one.online(other.boundjid.bare))
	juliet.send_presence(pshow='away', pstatus='on the balcony')
	await stage.eventually('romeo sees juliet away', lambda: romeo.online(juliet.boundjid.bare)['slixmpp']['show'] == 'away' and
		romeo.online(juliet.boundjid.bare)['slixmpp']['status'] == 'on the balcony')
	romeo.send_message(mto=juliet.boundjid.bare, mbody='Lady, by yonder blessed moon I vow <&>', mtype='chat')
	message = await juliet.reads('Lady, by yonder blessed moon I vow <&>')
	if message['from'] != romeo.boundjid:
		raise Failed('from %s' % message['from'])
	message.reply('O swear not by the moon').send()
	await romeo.reads('O swear not by the moon')
	await juliet.log_out()
	await stage.eventually('romeo sees juliet go', lambda: not romeo.online(juliet.boundjid.bare))
	await romeo.log_out()


async def test_queries_to_the_host(stage):
	"""XEP-0030, XEP-0092, XEP-0199, XEP-0202."""
	romeo = await Person(stage, stage.account('romeo')).log_in()
	info = (await romeo['xep_0030'].get_info(jid='localhost'))['disco_info']
	if ('server', 'im') not in {identity[:2] for identity in info['identities']}:
		raise Failed('identities: %s' % info['identities'])
	missing = {'http://jabber.org/protocol/disco#info', 'urn:xmpp:ping', 'urn:xmpp:time', 'jabber:iq:version'} - set(info['features'])
	if missing:
		raise Failed('no feature %s' % missing)
	await romeo['xep_0030'].get_items(jid='localhost')
	await romeo['xep_0199'].ping('localhost')
	version = (await romeo['xep_0092'].get_version('localhost'))['software_version']
	if version['name'] != 'Couplet' or not version['version']:
		raise Failed('version: %s' % version)
	# get_utc() of slixmpp 1.8.3 adds a Z to the one that XEP-0082 demands, so the text is read here.
	answer = (await romeo['xep_0202'].get_entity_time('localhost'))['entity_time']
	utc = datetime.datetime.strptime(answer.xml.findtext('{urn:xmpp:time}utc'), '%Y-%m-%dT%H:%M:%S.%f%z')
	if abs(utc - datetime.datetime.now(datetime.timezone.utc)) > datetime.timedelta(seconds=30) or not answer.xml.findtext('{urn:xmpp:time}tzo'):
		raise Failed('time: %s' % answer)
	await romeo.log_out()


async def test_queries_to_each_other(stage):
	"""IQs from one full JID to another (RFC 6121, 8.5.3.1)."""
	romeo = await Person(stage, stage.account('romeo')).log_in()
	juliet = await Person(stage, stage.account('juliet')).log_in()
	await romeo['xep_0199'].ping(juliet.boundjid)
	info = (await romeo['xep_0030'].get_info(jid=juliet.boundjid))['disco_info']
	if 'urn:xmpp:ping' not in info['features']:
		raise Failed('features: %s' % info['features'])
	await juliet.log_out()
	await romeo.log_out()


async def test_offline_message(stage):
	"""RFC 6121, 8.5.2.2.1; XEP-0160 and XEP-0203."""
	juliet = stage.account('juliet')
	romeo = await Person(stage, stage.account('romeo')).log_in()
	for number in range(3):
		romeo.send_message(mto=juliet[0], mbody='Wherefore %d' % number, mtype='chat')
	await romeo['xep_0199'].ping('localhost')
	reader = await Person(stage, juliet).log_in()
	for number in range(3):
		message = await reader.reads('Wherefore %d' % number)
		if message['delay']['stamp'] is None or message['delay']['from'] != 'localhost':
			raise Failed('no delay stamp of the host: %s' % message)
	if [m['body'] for m in reader.messages] != ['Wherefore 0', 'Wherefore 1', 'Wherefore 2']:
		raise Failed('order: %s' % reader.messages)
	await reader.log_out()
	again = await Person(stage, juliet).log_in()
	await again['xep_0199'].ping('localhost')
	if again.messages:
		raise Failed('delivered twice: %s' % again.messages)
	await again.log_out()
	await romeo.log_out()


async def test_two_resources(stage):
	"""RFC 6121, 8.5.2.1.1: all resources of the highest priority; 4.2.2: they see each other."""
	account = stage.account('juliet')
	hall = await Person(stage, account, 'hall').log_in()
	balcony = await Person(stage, account, 'balcony').log_in()
	await stage.eventually('they see each other', lambda: 'hall' in balcony.online(account[0]) and 'balcony' in hall.online(account[0]))
	romeo = await Person(stage, stage.account('romeo')).log_in()
	romeo.send_message(mto=account[0], mbody='But soft', mtype='chat')
	await hall.reads('But soft')
	await balcony.reads('But soft')
	for each in (hall, balcony, romeo):
		await each.log_out()
