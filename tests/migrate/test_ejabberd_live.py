# SPDX-License-Identifier: MIT
"""The move from ejabberd, as Debian packages it: real clients fill it, it exports, and they find the same on Couplet, with the passwords that they have."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import xml.sax.saxutils

import house
import persons

CONFIG = '''
hosts: [example.org]
loglevel: error
auth_method: internal
auth_password_format: scram
auth_scram_hash: %(hash)s
listen:
  - {port: %(port)d, ip: "127.0.0.1", module: ejabberd_c2s, access: all}
acl: {local: {user_regexp: ""}}
access_rules: {local: [{allow: local}]}
shaper_rules: {}
modules: {mod_roster: {}, mod_disco: {}, mod_offline: {}, mod_private: {}, mod_vcard: {}, mod_privacy: {}, mod_blocking: {}}
'''
CONTROL = 'ERL_DIST_PORT=%d\nINET_DIST_INTERFACE=127.0.0.1\nERL_OPTIONS="+S 1:1 +sbwt none"\n'


class Ejabberd:
	"""Runs as whoever runs the test: its own script wants to become a user that cannot read the folder."""
	def __init__(self, scram_hash):
		self.folder = tempfile.mkdtemp(prefix='couplet-ejabberd-')
		self.port = house.free_port()
		for name in ('spool', 'log', 'export'):
			os.mkdir(self.path(name))
		with open('/usr/sbin/ejabberdctl', encoding='utf-8') as script:
			self.write('ejabberdctl', script.read().replace('INSTALLUSER=ejabberd', 'INSTALLUSER='))
		self.write('ejabberd.yml', CONFIG % {'hash': scram_hash, 'port': self.port})
		self.write('ejabberdctl.cfg', CONTROL % house.free_port())
		self.write('inetrc', '{lookup,["file","native"]}.\n')
		users = ''.join('<user name=%s password=%s/>' % (xml.sax.saxutils.quoteattr(name.replace("'", '\\27')), xml.sax.saxutils.quoteattr(password))
			for name, password in persons.PASSWORDS.items())
		self.write('users.xml', "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'>%s</host></server-data>" % users)
		with open(self.path('out'), 'wb') as out:
			self.server = subprocess.Popen(self.words('foreground'), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder,
				env=self.environment(), start_new_session=True)

	def path(self, name):
		return os.path.join(self.folder, name)

	def write(self, name, text):
		with open(self.path(name), 'w', encoding='utf-8') as file:
			file.write(text)

	def environment(self):
		return dict(os.environ, LC_ALL='C.UTF-8', HOME=self.folder)

	def words(self, *words):
		return ['bash', self.path('ejabberdctl'), '--config-dir', self.folder, '--config', self.path('ejabberd.yml'), '--ctl-config', self.path('ejabberdctl.cfg'),
			'--logs', self.path('log'), '--spool', self.path('spool'), '--node', 'migrate%d@localhost' % self.port, *words]

	def wait(self):
		for _ in range(6000):
			try:
				socket.create_connection(('127.0.0.1', self.port)).close()
				return
			except ConnectionRefusedError:
				time.sleep(0.01)
			if self.server.poll() is not None:
				break
		with open(self.path('out'), encoding='utf-8') as out:
			raise AssertionError('ejabberd does not start: ' + out.read())

	def control(self, *words):
		done = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=120, check=False, env=self.environment(), cwd=self.folder)
		if done.returncode:
			raise AssertionError('ejabberdctl %s: %s%s' % (words, done.stdout, done.stderr))

	def finish(self):
		if self.server.poll() is None:
			os.killpg(self.server.pid, signal.SIGKILL)
		self.server.wait(30)
		shutil.rmtree(self.folder)


class FromRealEjabberd(unittest.TestCase):
	def test_what_ejabberd_exports(self):
		ejabberd = Ejabberd('sha')
		self.addCleanup(ejabberd.finish)
		home = house.House()
		self.addCleanup(home.finish)
		ejabberd.wait()
		ejabberd.control('import_piefxis', ejabberd.path('users.xml'))
		persons.run(persons.settle(ejabberd.port))
		ejabberd.control('export_piefxis', ejabberd.path('export'))
		there = persons.run(persons.look(ejabberd.port))
		files = sorted(os.listdir(ejabberd.path('export')))
		main = [name for name in files if not name.endswith('example_org.xml')]
		self.assertEqual(len(main), 1, files)
		path = os.path.join(ejabberd.path('export'), main[0])
		counts, said = home.move('ejabberd', path, '--dry-run')
		self.assertEqual(said, ['keys for SCRAM-SHA-1 only: clients must use that mechanism, or PLAIN, which adds the others; see coupletctl(8) (accounts: 4)'])
		home.start()
		self.assertEqual(home.move('ejabberd', path)[0], counts)
		self.assertEqual((counts['accounts'], counts['passwords'], counts['contacts'], counts['subscription requests'], counts['offline messages'],
			counts['private elements'], counts['vCards'], counts.get('blocked addresses')),
			((4, 4, 0), (4, 4, 0), (4, 4, 0), (1, 1, 0), (2, 2, 0), (2, 2, 0), (1, 1, 0), (2, 2, 0)))
		again, _said = home.move('ejabberd', path)
		self.assertEqual(set((new, changed) for _read, new, changed in again.values()), {(0, 0)})
		self.assertEqual(persons.run(persons.look(home.port)), there)
