# SPDX-License-Identifier: MIT
"""A Couplet in a folder of its own, for the tests of export and import."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'scenario'))
from lib.server import free_port  # noqa: E402

PROGRAMS = []   # couplet, coupletctl, the folder of modules

CONFIG = '''
modules_path: %(modules)s
modules: [auth, bind, roster, presence, message, iq, disco, offline, ping%(more)s]
storage: sqlite
data: %(folder)s/data
tls: {required: false}
listen: {c2s: {address: 127.0.0.1, port: %(port)d}}
hosts: {example.org: , example.net: }
%(user)s'''
MODULES = ', tls, private, vcard, archive'


def blocks():
	return os.path.exists(os.path.join(PROGRAMS[2], 'blocklist.la'))


class House:
	def __init__(self):
		self.folder = tempfile.mkdtemp(prefix='couplet-migrate-')
		os.chmod(self.folder, 0o755)
		self.config = os.path.join(self.folder, 'couplet.yml')
		self.port = free_port()
		self.server = None
		user = 'user: %s\n' % os.environ.get('TEST_USER', 'root') if os.geteuid() == 0 else ''
		with open(self.config, 'w', encoding='utf-8') as config:
			config.write(CONFIG % {'modules': PROGRAMS[2], 'folder': self.folder, 'port': self.port, 'user': user, 'more': MODULES + (', blocklist' if blocks() else '')})

	def path(self, name, text=None):
		path = os.path.join(self.folder, name)
		if text is not None:
			with open(path, 'w', encoding='utf-8') as file:
				file.write(text)
		return path

	def ctl(self, *words, given='', code=0):
		done = subprocess.run([PROGRAMS[1], '-c', self.config, *words], input=given, capture_output=True, text=True, timeout=120, check=False)
		if done.returncode != code:
			raise AssertionError('%s: exit %d: %s%s' % (words, done.returncode, done.stdout, done.stderr))
		return done

	def adduser(self, account, password):
		self.ctl('--password-stdin', 'adduser', account, given=password + '\n')

	def move(self, *words, code=0):
		"""coupletctl import: {what: (read, new, changed)} and the lines on stderr."""
		done = self.ctl('--json', 'import', *words, code=code)
		return {row['what']: (row['read'], row['new'], row['changed']) for row in json.loads(done.stdout or '[]')}, done.stderr.splitlines()

	def exported(self, *words):
		return self.ctl('export', '-', *words).stdout

	def start(self):
		with open(self.path('log'), 'wb') as log:
			self.server = subprocess.Popen([PROGRAMS[0], '-c', self.config, '-F'], stdin=subprocess.DEVNULL, stderr=log)
		for _ in range(6000):
			if self.answers():
				return
			if self.server.poll() is not None:
				break
			time.sleep(0.01)
		with open(self.path('log'), encoding='utf-8') as log:
			raise AssertionError('the server does not start: ' + log.read())

	def answers(self):
		with socket.socket(socket.AF_UNIX) as control:
			try:
				control.connect(self.path('data/control.sock'))
				return True
			except OSError:
				return False

	def stop(self):
		if self.server:
			self.server.terminate()
			self.server.wait(60)
		self.server = None

	def finish(self):
		self.stop()
		shutil.rmtree(self.folder)
