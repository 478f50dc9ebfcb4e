# SPDX-License-Identifier: MIT
"""Clients (slixmpp, unmodified) that fill a server with data, and say what they see on it."""
import asyncio
import xml.etree.ElementTree as ET

import slixmpp

PASSWORDS = {'romeo': 'rose & "thorn"', 'juliet': 'süß', 'nurse': 'secret', "o'hara": 'x y'}
MESSAGES = ('Wherefore art thou\n <Romeo> & "co"?', 'Good night \U0001F339, good night!')
NOTES = "<exodus xmlns='exodus:prefs' lang='it'><defaultnick>Romeo &amp; <b xmlns='urn:bold'>co</b></defaultnick></exodus>"
CARD = """<vCard xmlns='vcard-temp'><FN>Romeo Montague</FN><N><FAMILY>Montague</FAMILY><GIVEN>Romeo</GIVEN></N><NICKNAME>Rom</NICKNAME><BDAY>1580-01-02</BDAY>
<EMAIL><INTERNET/><HOME/><USERID>romeo@example.org</USERID></EMAIL><TEL><WORK/><NUMBER>+39 45 1</NUMBER></TEL><ORG><ORGNAME>Montague &amp; sons</ORGNAME></ORG>
<ADR><HOME/><LOCALITY>Verona</LOCALITY><CTRY>Italy</CTRY></ADR><URL>http://example.org/</URL><JABBERID>romeo@example.org</JABBERID><ROLE>lover</ROLE><NOTE>a\nb</NOTE>
<PHOTO><TYPE>image/png</TYPE><BINVAL>aGVsbG8=</BINVAL></PHOTO></vCard>"""
BOOKMARKS = """<storage xmlns='storage:bookmarks'><conference jid='ball@rooms.example.org' name='The ball' autojoin='1'><nick>Rom</nick><password>mask</password></conference>
<conference jid='crypt@rooms.example.org'/></storage>"""
SECONDS = 10


class Person(slixmpp.ClientXMPP):
	def __init__(self, name, port):
		super().__init__('%s@example.org/here' % name.replace("'", '\\27'), PASSWORDS[name])
		self.port, self.messages = port, []
		self.auto_authorize = self.auto_subscribe = None
		self.asked = set()
		self.started, self.ended = asyncio.Event(), asyncio.Event()
		for plugin in ('xep_0030', 'xep_0049', 'xep_0054', 'xep_0191', 'xep_0203'):
			self.register_plugin(plugin)
		self.add_event_handler('session_start', lambda _event: self.started.set())
		self.add_event_handler('disconnected', lambda _event: self.ended.set())
		self.add_event_handler('message', self.messages.append)
		self.add_event_handler('presence_subscribe', lambda presence: self.asked.add(presence['from'].bare))

	async def __aenter__(self):
		self.connect(('127.0.0.1', self.port), disable_starttls=True, force_starttls=False)
		await asyncio.wait_for(self.started.wait(), SECONDS)
		await self.get_roster()
		return self

	async def __aexit__(self, *_error):
		self.disconnect()
		await asyncio.wait_for(self.ended.wait(), SECONDS)

	async def ask(self, kind, xml):
		iq = self.make_iq(itype=kind)
		iq.append(ET.fromstring(xml))
		return (await iq.send(timeout=SECONDS)).xml

	async def until(self, condition):
		for _ in range(SECONDS * 50):
			if condition():
				return
			await asyncio.sleep(0.02)
		raise AssertionError('%s waits in vain' % self.boundjid)


async def settle(port):
	async with Person('romeo', port) as romeo, Person('juliet', port) as juliet:
		romeo.send_presence()
		juliet.send_presence()
		for asker, asked in ((romeo, juliet), (juliet, romeo)):
			asker.send_presence_subscription(pto=asked.boundjid.bare)
			await asked.until(lambda: asker.boundjid.bare in asked.asked)
			asked.send_presence_subscription(pto=asker.boundjid.bare, ptype='subscribed')
		await romeo.until(lambda: romeo.client_roster['juliet@example.org']['subscription'] == 'both')
		await juliet.until(lambda: juliet.client_roster['romeo@example.org']['subscription'] == 'both')
		await romeo.update_roster('juliet@example.org', name="Juliet 'the sun'", groups=['Capulet', 'Love & war'])
		romeo.send_presence_subscription(pto='rosaline@example.com')
		await romeo.ask('set', "<query xmlns='jabber:iq:private'>%s</query>" % NOTES)
		await romeo.ask('set', "<query xmlns='jabber:iq:private'>%s</query>" % BOOKMARKS)
		await romeo.ask('set', CARD)
		await romeo.ask('set', "<block xmlns='urn:xmpp:blocking'><item jid='tybalt@example.org'/><item jid='example.com'/></block>")
	async with Person('romeo', port) as romeo, Person('nurse', port) as nurse:
		for text in MESSAGES:
			romeo.send_message('juliet@example.org', text, mtype='chat')
		nurse.send_presence_subscription(pto='juliet@example.org')
		# What was sent before an answered request has been handled.
		await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>")
		await nurse.ask('get', "<query xmlns='jabber:iq:roster'/>")


async def look(port):
	"""Everything that the persons find, without what servers choose (times, versions)."""
	seen = {}
	async with Person('romeo', port) as romeo:
		seen['roster'] = contacts(await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>"))
		seen['private'] = ET.canonicalize(ET.tostring((await romeo.ask('get', "<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'/></query>"))[0][0]))
		seen['bookmarks'] = tidy((await romeo.ask('get', "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>"))[0][0])
		seen['vcard'] = tidy((await romeo.ask('get', "<vCard xmlns='vcard-temp'/>"))[0])
		try:
			blocked = await romeo.ask('get', "<blocklist xmlns='urn:xmpp:blocking'/>")
			seen['blocked'] = sorted(item.get('jid') for item in blocked[0])
		except slixmpp.exceptions.IqError:
			seen['blocked'] = None
	async with Person('juliet', port) as juliet:
		seen['her roster'] = contacts(await juliet.ask('get', "<query xmlns='jabber:iq:roster'/>"))
		juliet.send_presence()
		await juliet.until(lambda: len(juliet.messages) == len(MESSAGES) and juliet.asked)
		seen['messages'] = [(m['body'], m['from'].full, m['type']) for m in juliet.messages]
		seen['times'] = [m['delay']['stamp'].replace(microsecond=0) for m in juliet.messages]
		seen['asked'] = sorted(juliet.asked)
	async with Person("o'hara", port):
		seen["o'hara"] = True
	return seen


def tidy(element):
	"""In any order, and without what one server adds and has nothing in it."""
	empty = ('MIDDLE', 'PREFIX', 'SUFFIX', 'POBOX', 'EXTADD', 'STREET', 'REGION', 'PCODE')
	text = (element.text or '').strip()
	children = sorted(tidy(child) for child in element if child.text or child.tag.split('}')[1] not in empty)
	return (element.tag, text, sorted((key, {'true': '1', 'false': '0'}.get(value, value)) for key, value in element.attrib.items()), children)


def contacts(result):
	return sorted((item.get('jid'), item.get('name'), item.get('subscription'), item.get('ask'), sorted(group.text for group in item))
		for item in result[0])


def run(coroutine):
	loop = asyncio.new_event_loop()
	asyncio.set_event_loop(loop)
	try:
		return loop.run_until_complete(coroutine)
	finally:
		# slixmpp leaves tasks behind.
		left = asyncio.all_tasks(loop)
		for task in left:
			task.cancel()
		loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
		loop.close()
