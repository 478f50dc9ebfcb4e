# SPDX-License-Identifier: MIT
"""XEP-0227: what is exported, what is imported, and what is said of files that are wrong."""
import os
import re
import signal
import stat
import subprocess
import unittest

import house

MERCUTIO = '''<?xml version='1.0' encoding='UTF-8'?>
<!-- the house of Escalus -->
<server-data xmlns='urn:xmpp:pie:0'>
  <host jid='example.org'>
    <user name='mercutio' password='queen mab'>
      <query xmlns='jabber:iq:roster'>
        <item jid='romeo@example.org' name="Romeo 'the &lt;lover&gt;'" subscription='both'><group>Friends</group><group>Montague</group></item>
        <item jid='tybalt@example.org' subscription='none' ask='subscribe'/>
      </query>
      <presence xmlns='jabber:client' type='subscribe' id='xk3h1v69' from='benvolio@example.org'><nick xmlns='http://jabber.org/protocol/nick'>Ben</nick></presence>
      <vCard xmlns='vcard-temp'><FN>Mercutio</FN></vCard>
      <query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><defaultnick>Merc</defaultnick></exodus><storage xmlns='storage:bookmarks'/></query>
      <offline-messages>
        <message xmlns='jabber:client' from='romeo@example.org/orchard' to='mercutio@example.org/x' type='chat' id='1' xml:lang='en'>
          <body>Neither, fair saint,
 if either thee dislike.</body>
          <delay xmlns='urn:xmpp:delay' from='example.org' stamp='1469-07-21T00:32:29Z'>Offline Storage</delay>
          <x xmlns='urn:x' xmlns:y='urn:y' y:a='1'><y:z b='2'/></x>
        </message>
      </offline-messages>
      <archive xmlns='urn:xmpp:pie:0#mam'>
        <result xmlns='urn:xmpp:mam:2' id='28482-98726-73623'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25Z'/>
          <message xmlns='jabber:client' to='mercutio@example.org/x' from='romeo@example.org/orchard' type='chat'><body>Peace, peace</body></message></forwarded></result>
        <result xmlns='urn:xmpp:mam:2' id='5d398-28273-f7382'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:09:32Z'/>
          <message xmlns='jabber:client' to='romeo@example.org/orchard' from='mercutio@example.org/x' type='chat' id='8a54s'><body>True, I talk of dreams</body></message></forwarded></result>
      </archive>
      <prefs xmlns='urn:xmpp:mam:2' default='roster'><always/><never><jid>tybalt@example.org</jid></never></prefs>
    </user>
  </host>
</server-data>
'''
FAULTY = '''<server-data xmlns='urn:xmpp:pie:0'>
<host jid='example.org'>
<user name='romeo' password='rose'><query xmlns='jabber:iq:roster'><item jid='a@@b'/><item jid='juliet@example.net' subscription='forever'/></query></user>
<user/>
<user name='nurse'/>
<user name='friar laurence' password='x'/>
<user name='juliet' password='dove'><rapier xmlns='urn:example:weapons'/></user>
</host>
<host jid='verona.example'><user name='paris' password='x'/></host>
</server-data>
'''


def archive(*messages):
	"""A file with one archive: (id, time, text) of each message."""
	return "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'><user name='romeo' password='rose'><archive xmlns='urn:xmpp:pie:0#mam'>" + \
		''.join("<result xmlns='urn:xmpp:mam:2' id='%s'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='%s'/>"
			"<message xmlns='jabber:client' from='juliet@example.net/balcony' to='romeo@example.org' type='chat'><body>%s</body></message></forwarded></result>"
			% message for message in messages) + '</archive></user></host></server-data>'


def archived(text):
	return re.findall("<result xmlns='urn:xmpp:mam:2' id='(.*?)'>.*?<body>(.*?)</body>", text)


def id_at(microseconds, rest='0123456789abcdef'):
	return '%016x%s' % (microseconds, rest)


class Pie(unittest.TestCase):
	def setUp(self):
		self.house = house.House()
		self.addCleanup(self.house.finish)

	def test_everything_comes_back_as_it_was(self):
		"""XEP-0227 3.2 to 3.8: what one server exports another takes, and exports the same."""
		counts, said = self.house.move(self.house.path('in.xml', MERCUTIO))
		self.assertEqual(counts, {'accounts': (1, 1, 0), 'passwords': (1, 1, 0), 'contacts': (2, 2, 0), 'subscription requests': (1, 1, 0),
			'offline messages': (1, 1, 0), 'vCards': (1, 1, 0), 'private elements': (2, 2, 0),
			'archived messages': (2, 2, 0), 'archive preferences': (1, 1, 0)})
		self.assertEqual(said, [])
		first = self.house.exported()
		self.assertIn("<item jid='romeo@example.org' name='Romeo &apos;the &lt;lover&gt;&apos;' subscription='both'>"
			"<group>Friends</group><group>Montague</group></item><item jid='tybalt@example.org' subscription='none' ask='subscribe'/>", first)
		self.assertIn("id='xk3h1v69'", first)
		self.assertIn("<vCard xmlns='vcard-temp'><FN>Mercutio</FN></vCard>", first)
		self.assertIn("<query xmlns='jabber:iq:private'><exodus xmlns='exodus:prefs'><defaultnick>Merc</defaultnick></exodus>"
			"<storage xmlns='storage:bookmarks'/></query>", first)
		self.assertIn('Neither, fair saint,\n if either thee dislike.', first)
		self.assertRegex(first, "(?s)<archive xmlns='urn:xmpp:pie:0#mam'><result .*stamp='2010-07-10T23:08:25Z'.*Peace, peace.*stamp='2010-07-10T23:09:32Z'.*True, I talk of dreams.*</archive>")
		self.assertIn("<prefs xmlns='urn:xmpp:mam:2' default='roster'><always/><never><jid>tybalt@example.org</jid></never></prefs>", first)
		other = house.House()
		self.addCleanup(other.finish)
		other.move(other.path('first.xml', first))
		self.assertEqual(other.exported(), first)

	def test_archived_messages_keep_their_ids(self):
		"""XEP-0313 3.1, 5: clients page and synchronise by ids that they have stored; a move, or a backup that is restored, must not take these from them."""
		# 2010-07-10T23:08:25Z and after
		at = 1278803305000000
		ours = [(id_at(at + 17), 'Peace'), (id_at(at + 18, 'f' * 16), 'peace'), (id_at(at + 60000000), 'Mercutio'), (id_at(at + 3600000000), 'Thou talkst of nothing')]
		file = archive(*((one, '2010-07-10T23:08:25Z', text) for one, text in ours))
		counts, said = self.house.move(self.house.path('in.xml', file))
		self.assertEqual((counts['archived messages'], said), ((4, 4, 0), []))
		first = self.house.exported()
		self.assertEqual(archived(first), ours)
		# A backup of the whole, of a part, of more than there was: what is there already stays, what is missing comes to its place.
		counts, _ = self.house.move(self.house.path('in.xml', file))
		self.assertEqual(counts['archived messages'], (4, 0, 0))
		more = [ours[0], (id_at(at + 1000), 'True,'), ours[2], (id_at(at + 61000000), 'I talk of dreams')]
		counts, _ = self.house.move(self.house.path('more.xml', archive(*((one, '2010-07-10T23:08:25Z', text) for one, text in more))))
		self.assertEqual(counts['archived messages'], (4, 2, 0))
		self.assertEqual(archived(self.house.exported()), sorted(set(ours + more)))
		other = house.House()
		self.addCleanup(other.finish)
		other.move(other.path('first.xml', self.house.exported()))
		self.assertEqual(other.exported(), self.house.exported())

	def test_ids_that_are_taken_or_cannot_be(self):
		"""What has an id that is another message's, or none of ours, is kept all the same, under another one; which has one of its own keeps it."""
		at = 1278803305000000
		stamp = '2010-07-10T23:08:25Z'
		self.house.move(self.house.path('in.xml', archive((id_at(at), stamp, 'a'))))
		file = archive((id_at(at), stamp, 'b'),        # taken
			(id_at(at + 9000), stamp, 'c'), (id_at(at + 9000), stamp, 'd'),   # twice
			(id_at(at + 5000), stamp, 'e'),                # out of order
			(id_at(at - 1), stamp, 'f'),                   # before the message
			(id_at(0xfffffffffffff), stamp, 'g'), (id_at(2 ** 63 - 1), stamp, 'h'), (id_at(2 ** 63), stamp, 'i'), (id_at(0), stamp, 'j'),   # no time that has been
			(id_at(at + 7000).upper(), stamp, 'k'), (id_at(at + 7000) + '0', stamp, 'l'), (id_at(at + 7000)[1:], stamp, 'm'),
			('0' * 100000, stamp, 'n'), ('', stamp, 'o'), ('&#x10ffff;', stamp, 'p'), (' ' + id_at(at + 7000)[1:], stamp, 'q'))
		counts, said = self.house.move(self.house.path('file.xml', file))
		self.assertEqual((counts['archived messages'], said), ((16, 16, 0), []))
		found = archived(self.house.exported())
		self.assertEqual(found[:2], [(id_at(at), 'a'), (id_at(at + 1), 'b')])
		# `d` is behind `c`, and what came behind it in the file too.
		self.assertEqual(found[2:5], [(id_at(at + 9000), 'c'), (id_at(at + 9001), 'd'), (id_at(at + 9002), 'e')])
		self.assertEqual(''.join(text for _one, text in found[5:]), 'fghijklmnopq')
		ids = [one for one, _text in found]
		self.assertEqual(ids, sorted(set(ids)))
		for one in ids:
			self.assertRegex(one, '^[0-9a-f]{32}$')
			self.assertEqual(int(one[:16], 16) > at + 1000000000, one in ids[5:])
		counts, _ = self.house.move(self.house.path('file.xml'))
		self.assertEqual(counts['archived messages'], (16, 0, 0))

	def test_ids_of_two_accounts(self):
		"""Ids are the whole server's: an archive that is imported a second time, as another account's, has ids of its own, in the same order."""
		at = 1278803305000000
		file = archive(*((id_at(at + i), '2010-07-10T23:08:25Z', '%02d' % i) for i in range(40)))
		self.house.move(self.house.path('in.xml', file))
		self.house.move(self.house.path('other.xml', file.replace("name='romeo'", "name='mercutio'")))
		romeo, mercutio = archived(self.house.exported('romeo@example.org')), archived(self.house.exported('mercutio@example.org'))
		self.assertEqual(romeo, [(id_at(at + i), '%02d' % i) for i in range(40)])
		self.assertEqual([text for _one, text in mercutio], ['%02d' % i for i in range(40)])
		self.assertEqual(set(one for one, _text in romeo) & set(one for one, _text in mercutio), set())

	def test_a_second_import_changes_nothing(self):
		path = self.house.path('in.xml', MERCUTIO)
		counts, _ = self.house.move(path, '--dry-run')
		self.assertEqual(counts['accounts'], (1, 1, 0))
		self.assertNotIn('mercutio', self.house.exported())
		self.house.move(path)
		first = self.house.exported()
		counts, said = self.house.move(path)
		self.assertEqual((set((new, changed) for _read, new, changed in counts.values()), said), ({(0, 0)}, []))
		self.assertEqual(self.house.exported(), first)

	def test_what_differs_is_changed_and_the_rest_stays(self):
		self.house.move(self.house.path('in.xml', MERCUTIO))
		other = MERCUTIO.replace("tybalt@example.org' subscription='none' ask='subscribe'", "tybalt@example.org' subscription='to'")
		other = re.sub("<item jid='romeo.*</item>", '', other).replace('queen mab', 'ay, a scratch')
		counts, _ = self.house.move(self.house.path('other.xml', other), '--new')
		self.assertEqual(counts, {'accounts': (1, 0, 0)})
		counts, _ = self.house.move(self.house.path('other.xml', other))
		self.assertEqual((counts['accounts'], counts['contacts'], counts['passwords']), ((1, 0, 1), (1, 0, 1), (1, 0, 1)))
		self.assertIn("jid='romeo@example.org'", self.house.exported())

	def test_one_account_one_host_or_all(self):
		self.house.adduser('romeo@example.org', 'rose')
		self.house.adduser('juliet@example.net', 'dove')
		accounts = lambda *words: re.findall("<user name='(.*?)'", self.house.exported(*words))
		self.assertEqual(accounts(), ['juliet', 'romeo'])
		self.assertEqual(accounts('--host', 'example.org'), ['romeo'])
		self.assertEqual(accounts('juliet@example.net'), ['juliet'])
		said = self.house.ctl('export', self.house.path('x.xml'), 'nurse@example.org', code=1).stderr
		self.assertIn('there is no account nurse@example.org', said)
		self.assertFalse(os.path.exists(self.house.path('x.xml')) or os.path.exists(self.house.path('x.xml.part')))

	def test_a_file_that_only_its_owner_reads(self):
		"""XEP-0227 5: the keys of passwords are in it."""
		self.house.adduser('romeo@example.org', 'rose')
		self.house.ctl('export', self.house.path('out.xml'))
		self.assertEqual(stat.S_IMODE(os.stat(self.house.path('out.xml')).st_mode), 0o600)

	def test_faulty_accounts_are_reported_and_the_rest_goes_on(self):
		counts, said = self.house.move(self.house.path('in.xml', FAULTY), code=1)
		path = self.house.path('in.xml')
		self.assertEqual(counts['accounts'], (5, 3, 0))
		for line in (
			path + ':3: romeo@example.org: the contact "a@@b" is no address',
			path + ':3: romeo@example.org: the subscription "forever" of the contact juliet@example.net is none of none, to, from, both',
			path + ':4: a <user/> without the attribute name is left out',
			path + ':5: nurse@example.org: it has no password: nobody can log in before coupletctl passwd gives it one',
			path + ':6: friar laurence@example.org: not imported: this is no address of an account',
			path + ':9: paris@verona.example: not imported: its host is not one of ours: add it to hosts: in couplet.yml(5)',
			"<rapier xmlns='urn:example:weapons'/> is not imported: no module of the host takes it (accounts: 1)",
			'coupletctl: not imported, wholly or in part (accounts: 4)',
			'coupletctl: could not be read, wholly or in part (accounts: 1)'):
			self.assertIn(line, said)

	def test_files_that_are_no_export(self):
		for text, why in (
			('<x/>', "its root is <x xmlns=''/>, not <server-data xmlns='urn:xmpp:pie:0'/>"),
			('<!DOCTYPE x [<!ENTITY a "b">]><x/>', ':1: a DOCTYPE is not allowed here'),
			("<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'>\n<user name='a' password='b'></host>", ':2: mismatched tag'),
			("<server-data xmlns='urn:xmpp:pie:0'>" + '<x ' + 'a' * 3000000, 'a tag is longer than 1048576 bytes'),
			('', ':1: no element found'),
		):
			_, said = self.house.move(self.house.path('in.xml', text), code=1)
			self.assertIn(why, '\n'.join(said))
		_, said = self.house.move(self.house.path('nowhere'), code=1)
		self.assertIn('nowhere: No such file or directory', said[-1])

	def test_files_that_include_others(self):
		"""XEP-0227 4: the layout of the example; elements inside of a user's data are left alone (5)."""
		xi = "xmlns:xi='http://www.w3.org/2001/XInclude'"
		os.mkdir(self.house.path('capulet'))
		self.house.path('main.xml', "<server-data xmlns='urn:xmpp:pie:0' %s><xi:include href='net.xml'/></server-data>" % xi)
		self.house.path('net.xml', "<host xmlns='urn:xmpp:pie:0' %s jid='example.net'><xi:include href='capulet/%%6auliet.xml'/></host>" % xi)
		self.house.path('capulet/juliet.xml', "<user xmlns='urn:xmpp:pie:0' name='juliet' password='dove'><query xmlns='jabber:iq:roster'>"
			"<xi:include %s href='../secret'/><item jid='romeo@example.org' subscription='both'/></query></user>" % xi)
		counts, _ = self.house.move(self.house.path('main.xml'))
		self.assertEqual((counts['accounts'], counts['contacts']), ((1, 1, 0), (1, 1, 0)))
		for href in ('../x.xml', '/etc/passwd', 'file:///etc/passwd', '%2e%2e/x.xml', 'capulet/../../x'):
			self.house.path('main.xml', "<server-data xmlns='urn:xmpp:pie:0' %s><xi:include href='%s'/></server-data>" % (xi, href))
			_, said = self.house.move(self.house.path('main.xml'), code=1)
			self.assertIn("is no name of a file below this one's folder", said[-1])

	def test_a_large_account_comes_in_parts(self):
		message = "<message xmlns='jabber:client' from='romeo@example.org/o' to='juliet@example.net' id='%d'><body>%s</body></message>"
		text = "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.net'><user name='juliet' password='dove'><offline-messages>" + \
			''.join(message % (i, 'O' * 50000) for i in range(60)) + '</offline-messages></user></host></server-data>'
		counts, said = self.house.move(self.house.path('in.xml', text), '--new')
		self.assertEqual((counts['accounts'], counts['offline messages'], said), ((1, 1, 0), (60, 60, 0), []))
		ids = re.findall("<message [^>]*id='(\\d+)'", self.house.exported())
		self.assertEqual(ids, [str(i) for i in range(60)])
		counts, _ = self.house.move(self.house.path('in.xml', text), '--new')
		self.assertEqual(counts, {'accounts': (1, 0, 0)})

	def test_an_interrupted_import_is_completed_by_the_next(self):
		"""What is committed stays; what follows the interruption is as if it had not been given."""
		text = ''.join("<user name='u%d' password='p'/>" % i for i in range(300))
		fifo = self.house.path('fifo')
		os.mkfifo(fifo)
		with subprocess.Popen([house.PROGRAMS[1], '-c', self.house.config, 'import', fifo], stdout=subprocess.DEVNULL,
				stderr=subprocess.DEVNULL) as half:
			with open(fifo, 'w', encoding='utf-8') as pipe:
				pipe.write("<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'>" + text[:len(text) // 2])
				pipe.flush()
				half.send_signal(signal.SIGINT)
				half.wait(60)
		kept = len(re.findall('<user ', self.house.exported()))
		self.assertLess(kept, 300)
		counts, _ = self.house.move(self.house.path('in.xml', "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'>%s</host></server-data>" % text))
		self.assertEqual(counts['accounts'], (300, 300 - kept, 0))
