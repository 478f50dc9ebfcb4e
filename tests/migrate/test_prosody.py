# SPDX-License-Identifier: MIT
"""The move from Prosody, as Debian packages it: real clients fill it, and find the same on Couplet, with the passwords that they have."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import house
import persons

CONFIG = '''
data_path = "%(folder)s/data"
certificates = "%(folder)s"
pidfile = "%(folder)s/prosody.pid"
run_as_root = true
modules_enabled = { "roster", "saslauth", "disco", "private", "pep", "vcard_legacy", "bookmarks", "blocklist", "offline" }
modules_disabled = { "s2s" }
c2s_ports = { %(port)d }
c2s_interfaces = { "127.0.0.1" }
c2s_require_encryption = false
authentication = "%(authentication)s"
storage = "%(storage)s"
sql = { driver = "SQLite3", database = "%(folder)s/data/prosody.sqlite" }
log = { info = "%(folder)s/log" }
VirtualHost "example.org"
'''


class Prosody:
	def __init__(self, storage, authentication):
		self.folder = tempfile.mkdtemp(prefix='couplet-prosody-')
		os.mkdir(os.path.join(self.folder, 'data'))
		self.port = house.free_port()
		self.config = os.path.join(self.folder, 'prosody.cfg.lua')
		with open(self.config, 'w', encoding='utf-8') as config:
			config.write(CONFIG % {'folder': self.folder, 'port': self.port, 'storage': storage, 'authentication': authentication})
		for name, password in persons.PASSWORDS.items():
			subprocess.run(['prosodyctl', '--config', self.config, 'register', name.replace("'", '\\27'), 'example.org', password],
				check=True, capture_output=True, timeout=60)
		with open(os.path.join(self.folder, 'out'), 'wb') as out:
			self.server = subprocess.Popen(['prosody', '-F', '--config', self.config], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
		for _ in range(6000):
			try:
				socket.create_connection(('127.0.0.1', self.port)).close()
				return
			except ConnectionRefusedError:
				time.sleep(0.01)
		raise AssertionError('Prosody does not start')

	def stop(self):
		self.server.terminate()
		self.server.wait(60)

	def finish(self):
		if self.server.poll() is None:
			self.stop()
		shutil.rmtree(self.folder)


class FromProsody(unittest.TestCase):
	def move(self, storage, authentication):
		prosody = Prosody(storage, authentication)
		self.addCleanup(prosody.finish)
		persons.run(persons.settle(prosody.port))
		prosody.stop()
		before = os.path.join(prosody.folder, 'before')
		shutil.copytree(os.path.join(prosody.folder, 'data'), before)
		source = before if storage == 'internal' else os.path.join(before, 'prosody.sqlite')
		home = house.House()
		self.addCleanup(home.finish)
		counts, said = home.move('prosody', source, '--dry-run')
		hashed = ['keys for SCRAM-SHA-1 only: clients must use that mechanism, or PLAIN, which adds the others; see coupletctl(8) (accounts: 4)']
		blocks = ["<blocklist xmlns='urn:xmpp:blocking'/> is not imported: no module of the host takes it (accounts: 1)"]
		self.assertEqual(said, (hashed if authentication == 'internal_hashed' else []) + ([] if house.blocks() else blocks))
		home.start()
		self.assertEqual(home.move('prosody', source)[0], counts)
		self.assertEqual((counts['accounts'], counts['passwords'], counts['contacts'], counts['subscription requests'], counts['offline messages'],
			counts['private elements'], counts['vCards'], counts.get('blocked addresses')),
			((4, 4, 0), (4, 4, 0), (4, 4, 0), (1, 1, 0), (2, 2, 0), (2, 2, 0), (1, 1, 0), (2, 2, 0) if house.blocks() else None))
		again, _said = home.move('prosody', source)
		self.assertEqual(set((new, changed) for _read, new, changed in again.values()), {(0, 0)})
		seen = persons.run(persons.look(home.port))
		home.stop()
		# The same Prosody goes on with its own data, which nobody has touched.
		with open(os.path.join(prosody.folder, 'out'), 'ab') as out:
			prosody.server = subprocess.Popen(['prosody', '-F', '--config', prosody.config], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
		for _ in range(6000):
			try:
				socket.create_connection(('127.0.0.1', prosody.port)).close()
				break
			except ConnectionRefusedError:
				time.sleep(0.01)
		there = persons.run(persons.look(prosody.port))
		self.assertEqual(there, dict(seen, blocked=seen['blocked'] or there['blocked'] if not house.blocks() else seen['blocked']))

	def test_directory_and_hashed_passwords(self):
		self.move('internal', 'internal_hashed')

	def test_sqlite_and_plain_passwords(self):
		self.move('sql', 'internal_plain')

	def write(self, home, *files):
		data = home.path('data-of-prosody')
		for name, text in files:
			os.makedirs(os.path.join(data, 'example%2eorg', os.path.dirname(name)), exist_ok=True)
			with open(os.path.join(data, 'example%2eorg', name), 'w', encoding='utf-8') as file:
				file.write(text)
		return data

	def test_vcards_and_bookmarks_outside_of_pep_and_what_has_no_place(self):
		"""Of accounts that have not logged in since Prosody moved these to PEP, or moved halfway."""
		card = 'return { name = "vCard"; attr = { xmlns = "vcard-temp" }; { name = "FN"; attr = {}; "%s" } };'
		marks = 'return { ["storage:storage:bookmarks"] = { name = "storage"; attr = { xmlns = "storage:bookmarks" }; { name = "conference"; attr = { jid = "%s@x" } } } };'
		home = house.House()
		self.addCleanup(home.finish)
		data = self.write(home,
			('accounts/romeo.dat', 'return { password = "rose" };'), ('vcard/romeo.dat', card % 'old'), ('private/romeo.dat', marks % 'old'),
			('accounts/juliet.dat', 'return { password = "dove" };'), ('vcard/juliet.dat', card % 'old'), ('private/juliet.dat', marks % 'old'),
			('pep_urn%3axmpp%3avcard4/juliet.list', 'item({ key = "current"; name = "vcard"; attr = { xmlns = "urn:ietf:params:xml:ns:vcard-4.0" }; '
				'{ name = "fn"; attr = {}; { name = "text"; attr = {}; "new" } } });'),
			('pep_urn%3axmpp%3abookmarks%3a1/juliet.list', 'item({ key = "new@x"; name = "conference"; attr = { xmlns = "urn:xmpp:bookmarks:1" } });'),
			('accounts/nurse.dat', 'return { password = "x" };'),
			('pep_http%3a%2f%2fjabber%2eorg%2fprotocol%2fnick/nurse.list', 'item({ key = "1"; name = "nick"; attr = {}; "Nan" });'),
			('pep/nurse.dat', 'return { ["urn:xmpp:omemo:2:devices"] = { name = "x"; config = {} }; ["http://jabber.org/protocol/nick"] = { config = {} } };'),
			('pep_urn%3axmpp%3avcard4/nurse.list', 'item({ key = '))
		counts, said = home.move('prosody', data, code=1)
		self.assertEqual((counts['accounts'], counts['vCards'], counts['private elements']), ((3, 3, 0), (3, 3, 0), (2, 2, 0)))
		self.assertEqual(said[1], 'PEP nodes are not imported, but for vCard, avatar, nickname and bookmarks (accounts: 1)')
		self.assertIn('nurse@example.org: its items of the node urn:xmpp:vcard4 cannot be read', said[0])
		for name, wanted in (('romeo', ("jid='old@x'", '<FN>old</FN>')), ('juliet', ("jid='new@x'", '<FN>new</FN>')), ('nurse', ('<NICKNAME>Nan</NICKNAME>', 'vCard'))):
			text = home.exported(name + '@example.org')
			for part in wanted:
				self.assertIn(part, text)
			self.assertNotIn({'romeo': 'new', 'juliet': 'old', 'nurse': 'omemo'}[name], text)

	def test_an_interrupted_move_is_completed_by_the_next(self):
		"""Whole accounts are there or not; a second run adds the others, and doubles nothing."""
		count, item = 300, 'return { ["juliet@example.org"] = { subscription = "both"; groups = {}; } };'
		message = 'item({ name = "message"; attr = { from = "nurse@example.org/x", to = "u%d@example.org", stamp = "2026-01-31T12:00:00Z" }; { name = "body"; attr = {}; "hark" } });'
		for way in (signal.SIGINT, signal.SIGKILL):
			home = house.House()
			self.addCleanup(home.finish)
			data = self.write(home, *(file for i in range(count) for file in (
				('accounts/u%d.dat' % i, 'return { password = "rose" };'), ('roster/u%d.dat' % i, item), ('offline/u%d.list' % i, message % i))))
			home.start()
			with subprocess.Popen([house.PROGRAMS[1], '-c', home.config, 'import', 'prosody', data], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
					stderr=subprocess.STDOUT, text=True) as half:
				for _ in range(1000):
					if home.ctl('user', 'list', 'example.org').stdout:
						break
					time.sleep(0.01)
				half.send_signal(way)
				half.wait(60)
				said = half.communicate()[0]
			if way == signal.SIGINT and half.returncode:
				self.assertEqual((half.returncode, said), (130, 'coupletctl: interrupted: what has been done until now stays\n'))
			text = home.exported()
			kept = text.count('<user ')
			self.assertEqual((text.count('<message '), text.count('<item ')), (kept, kept))
			counts, said = home.move('prosody', data)
			# The server may have been about to keep some more.
			self.assertLessEqual(counts['accounts'][1], count - kept)
			self.assertEqual((set(counts.values()), said), ({(count, counts['accounts'][1], 0)}, []))
			text = home.exported()
			self.assertEqual([text.count(part) for part in ('<user ', '<message ', '<item ')], [count] * 3)

	def test_broken_files_are_reported_and_the_rest_goes_on(self):
		home = house.House()
		self.addCleanup(home.finish)
		data = self.write(home,
			('accounts/romeo.dat', 'return { password = "rose" };'),
			('roster/romeo.dat', 'return { ["juliet@example.org"] = { subscription = "both"; groups = {}; }; [false] = { version = 3 } };'),
			('vcard/romeo.dat', 'return { name = "vCard"; attr = { xmlns = os.execute("false") } };'),
			('accounts/juliet.dat', 'return { password = "dove"'),
			('accounts/nurse.dat', 'os.exit(1)'),
			('accounts/%zz.dat', 'return {};'),
			('accounts/peter.dat', 'return { ["salt"] = "x"; ["iteration_count"] = 4096; ["stored_key"] = "00"; ["server_key"] = "00" };'))
		counts, said = home.move('prosody', data, code=1)
		self.assertEqual((counts['accounts'], counts['contacts']), ((2, 2, 0), (1, 1, 0)))
		said = '\n'.join(said)
		for line in (
			'vcard/romeo.dat: line 1: this is no literal: nothing is executed here',
			'juliet@example.org: not imported: %s/example%%2eorg/accounts/juliet.dat: line 1: a table wants , or ; or } here' % data,
			'accounts/nurse.dat: line 1: it does not begin with return',
			'accounts/%zz.dat: its name is not as Prosody encodes those of accounts',
			'peter@example.org: its keys are not those of SCRAM-SHA-1 or SCRAM-SHA-256',
			'coupletctl: could not be read, wholly or in part (accounts: 5)',
		):
			self.assertIn(line, said)
		for path, why in (('nowhere', 'unable to open database file'), (home.config, 'file is not a database'), (home.folder, 'no folder HOST/accounts')):
			_, said = home.move('prosody', path, code=1)
			self.assertIn(why, '\n'.join(said))
