# SPDX-License-Identifier: MIT
"""The move from ejabberd: an export that ejabberd 23.01 of Debian has written (ejabberdctl export_piefxis, auth_password_format: scram, auth_scram_hash: sha256), and the
forms of passwords that other versions write."""
import base64
import hashlib
import hmac
import os
import unittest

import house
import persons

EXPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'ejabberd', 'export.xml')


def keys(password, salt, iterations):
	salted = hashlib.pbkdf2_hmac('sha1', password.encode(), salt, iterations)
	stored = hashlib.sha1(hmac.digest(salted, b'Client Key', 'sha1')).digest()
	return [base64.b64encode(part).decode() for part in (stored, hmac.digest(salted, b'Server Key', 'sha1'), salt)]


def wrap(text):
	return base64.b64encode(text.encode()).decode()


class FromEjabberd(unittest.TestCase):
	def setUp(self):
		self.house = house.House()
		self.addCleanup(self.house.finish)
		self.addCleanup(persons.PASSWORDS.update, dict(persons.PASSWORDS))

	async def log_in(self, **passwords):
		for name, password in passwords.items():
			persons.PASSWORDS[name] = password
			async with persons.Person(name, self.house.port) as person:
				yield person

	def test_an_export_of_ejabberd(self):
		counts, said = self.house.move('ejabberd', EXPORT)
		self.assertEqual((counts, said), ({'accounts': (2, 2, 0), 'passwords': (2, 2, 0), 'contacts': (1, 1, 0), 'offline messages': (1, 1, 0)}, []))
		again, _ = self.house.move('ejabberd', EXPORT)
		self.assertEqual(set((new, changed) for _read, new, changed in again.values()), {(0, 0)})
		self.house.start()

		async def look():
			async for romeo in self.log_in(romeo='rose'):
				roster = persons.contacts(await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>"))
				self.assertEqual(roster, [('juliet@example.org', 'Juliet', 'both', None, ['Love'])])
			async for juliet in self.log_in(juliet='dove'):
				juliet.send_presence()
				await juliet.until(lambda: juliet.messages)
				self.assertEqual(juliet.messages[0]['body'], 'Good night')
		persons.run(look())

	def test_keys_in_the_attribute(self):
		stored, server, salt = keys('rose', b'salt of ejabberd', 4096)
		users = {'romeo': 'scram:%s,%s,%s,4096' % (stored, server, salt), 'juliet': 'scram:sha,%s,%s,%s,4096' % (wrap(stored), wrap(server), wrap(salt)),
			'nurse': 'rose'}
		text = ''.join("<user name='%s' password='%s'/>" % user for user in users.items())
		path = self.house.path('in.xml', "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'>%s</host></server-data>" % text)
		counts, said = self.house.move('ejabberd', path)
		self.assertEqual(counts, {'accounts': (3, 3, 0), 'passwords': (3, 3, 0)})
		self.assertEqual(said, ['keys for SCRAM-SHA-1 only: clients must use that mechanism, or PLAIN, which adds the others; see coupletctl(8) (accounts: 2)'])
		self.house.start()

		async def look():
			async for _person in self.log_in(romeo='rose', juliet='rose', nurse='rose'):
				pass
		persons.run(look())

	def test_keys_that_are_of_no_use(self):
		for password, why in (
			('scram:a,b', 'is not keys as ejabberd writes them'),
			('scram:md5,a,b,c,4096', 'is not keys as ejabberd writes them'),
			('scram:sha512,a,b,c,4096', 'its keys are for none of SCRAM-SHA-1 and SCRAM-SHA-256'),
			('scram:YQ==,YQ==,YQ==,4096', 'its SCRAM keys are not of the right size'),
		):
			path = self.house.path('in.xml', "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'><user name='romeo' password='%s'/></host></server-data>" % password)
			_, said = self.house.move('ejabberd', path, '--dry-run', code=1)
			self.assertIn(why, said[0])
