# SPDX-License-Identifier: MIT
"""Servers that bench/compare starts, each in a folder of its own on loopback, with the settings that a person who knows the server would choose for speed:
no logging of stanzas, no limits on rates, the modules that Couplet's sample has and nothing more, sockets by epoll, one scheduler for one core."""
import base64
import hashlib
import hmac
import itertools
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

PASSWORD, SALT, ROUNDS = 'secret', b'0123456789abcdef', 4096
DOMAIN = 'localhost'
IMPORTED_AT_ONCE = 200000   # lines of a file for "user import", which takes 64 MiB


class Failure(Exception):
	"""A server that does not start, or is not there."""


def free_port():
	with socket.socket() as probe:
		probe.bind(('127.0.0.1', 0))
		return probe.getsockname()[1]


def keys(digest='sha1'):
	"""SCRAM: stored key and server key of the one password."""
	salted = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), SALT, ROUNDS)
	client = hmac.digest(salted, b'Client Key', digest)
	return hashlib.new(digest, client).digest(), hmac.digest(salted, b'Server Key', digest)


def packaged(name):
	found = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', name], capture_output=True, text=True, check=False)
	return found.stdout.strip() if found.returncode == 0 else None


class Server:
	"""start() to stop(); pid is the root of its process tree."""
	name = package = ''
	mechanism = 'SCRAM-SHA-1'
	user = None   # who it runs as, when it is started as root

	def __init__(self, folder, accounts, core):
		self.folder, self.accounts, self.core = folder, accounts, core
		self.port, self.process = free_port(), None
		os.makedirs(folder)
		self.certificate = os.path.join(folder, 'localhost.pem')
		key, crt = (os.path.join(folder, 'localhost.' + end) for end in ('key', 'crt'))
		subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
			'-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', crt], check=True, capture_output=True)
		self.write('localhost.pem', ''.join(open(path, encoding='ascii').read() for path in (key, crt)), 0o600)

	@classmethod
	def version(cls):
		return packaged(cls.package)

	def path(self, name):
		return os.path.join(self.folder, name)

	def write(self, name, text, mode=0o644):
		os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
		with open(self.path(name), 'w', encoding='utf-8') as file:
			file.write(text)
		os.chmod(self.path(name), mode)

	def command(self):
		raise NotImplementedError

	def prepare(self):
		"""Configuration and what can be done for the accounts before the start."""

	def settle(self):
		"""What is left to do for the accounts once it listens."""

	def environment(self):
		return dict(os.environ, LC_ALL='C.UTF-8')

	def spawn(self, command):
		with open(self.path('output'), 'ab') as output:
			return subprocess.Popen(['taskset', '-c', str(self.core)] + command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
				cwd=self.folder, env=self.environment(), start_new_session=True)

	def start(self):
		self.prepare()
		if self.user and os.geteuid() == 0:
			subprocess.run(['chown', '-R', self.user, self.folder], check=True)
		self.again()
		self.settle()

	def again(self):
		"""Starts it with the accounts and data it has."""
		self.process = self.spawn(self.command())
		deadline, tries = time.monotonic() + 60, 3
		while not self.answers():
			if self.process.poll() is not None and tries > 1:
				tries -= 1   # what it was called, or its port, is not free yet
				time.sleep(2)
				self.process = self.spawn(self.command())
			elif self.process.poll() is not None or time.monotonic() > deadline:
				self.stop()
				with open(self.path('output'), encoding='utf-8', errors='replace') as output:
					raise Failure('%s does not start:\n%s' % (self.name, output.read()[-2000:]))
			time.sleep(0.1)

	def answers(self):
		try:
			with socket.create_connection(('127.0.0.1', self.port), timeout=2) as sock:
				sock.sendall(b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
					b"xmlns:stream='http://etherx.jabber.org/streams'>")
				return b'<stream' in sock.recv(4096)
		except OSError:
			return False

	@property
	def pid(self):
		return self.process.pid

	def stop(self):
		if self.process and self.process.poll() is None:
			os.killpg(self.process.pid, signal.SIGTERM)
			try:
				self.process.wait(20)
			except subprocess.TimeoutExpired:
				os.killpg(self.process.pid, signal.SIGKILL)
				self.process.wait()

	def remove(self):
		self.stop()
		shutil.rmtree(self.folder, ignore_errors=True)


class Couplet(Server):
	name, build = 'couplet', '.'

	@classmethod
	def version(cls):
		found = subprocess.run([os.path.join(cls.build, 'couplet'), '--version'], capture_output=True, text=True, check=False)
		return found.stdout.strip().split(' ')[-1] or None

	def prepare(self):
		self.write('couplet.yml', '''%sdata: %s/data
storage: sqlite
modules_path: %s/modules
modules: [tls, auth, bind, roster, presence, message, iq, disco, offline, ping, version, time]
tls: {required: false}
roster: {max_items: 10000}
listen: {c2s: {address: ["127.0.0.1"], port: %d}}
hosts: {localhost: {certificate: %s}}
''' % ('user: root\n' if os.geteuid() == 0 else '', self.folder, self.build, self.port, self.certificate))
		scram = ' '.join('%s$%d:%s$%s:%s' % (name, ROUNDS, *(base64.b64encode(part).decode() for part in (SALT,) + keys(digest)))
			for name, digest in (('SCRAM-SHA-1', 'sha1'), ('SCRAM-SHA-256', 'sha256')))
		names = iter(self.accounts)
		while part := list(itertools.islice(names, IMPORTED_AT_ONCE)):
			with open(self.path('accounts'), 'w', encoding='ascii') as file:
				file.writelines('%s@%s %s\n' % (name, DOMAIN, scram) for name in part)
			done = subprocess.run([os.path.join(self.build, 'coupletctl'), '-c', self.path('couplet.yml'), 'user', 'import', self.path('accounts')],
				capture_output=True, text=True, check=False)
			if done.returncode:
				raise Failure('couplet: user import: ' + done.stderr)
			os.remove(self.path('accounts'))

	def command(self):
		return [os.path.join(self.build, 'couplet'), '-c', self.path('couplet.yml'), '-F']


class Prosody(Server):
	name = package = 'prosody'

	def prepare(self):
		stored, server = (key.hex() for key in keys())
		for name in self.accounts:
			self.write('data/localhost/accounts/%s.dat' % name, 'return {\n\t["iteration_count"] = %d;\n\t["salt"] = "%s";\n\t["stored_key"] = "%s";\n'
				'\t["server_key"] = "%s";\n};\n' % (ROUNDS, SALT.decode(), stored, server))
		self.write('prosody.cfg.lua', '''run_as_root = true
pidfile = "%(folder)s/pid"
data_path = "%(folder)s/data"
network_backend = "epoll"
gc = { mode = "generational" }
network_settings = { tcp_backlog = 1024 }
modules_enabled = { "roster"; "saslauth"; "tls"; "disco"; "ping"; "version"; "time" }
modules_disabled = { "s2s"; "http" }
authentication = "internal_hashed"
storage = "internal"
c2s_require_encryption = false
c2s_ports = { %(port)d }
interfaces = { "127.0.0.1" }
log = { warn = "%(folder)s/log" }
ssl = { key = "%(folder)s/localhost.key", certificate = "%(folder)s/localhost.crt" }
VirtualHost "localhost"
''' % {'folder': self.folder, 'port': self.port})

	def command(self):
		return ['prosody', '-F', '--config', self.path('prosody.cfg.lua')]


class Ejabberd(Server):
	name = package = user = 'ejabberd'

	def prepare(self):
		os.chmod(os.path.dirname(self.folder), 0o755)
		self.dist = free_port()
		self.write('ejabberdctl.cfg', 'ERL_DIST_PORT=%d\nINET_DIST_INTERFACE=127.0.0.1\nERL_MAX_PORTS=32000\nERL_OPTIONS="+S 1:1 +sbwt none +swt very_low"\n' % self.dist)
		self.write('inetrc', '{lookup,["file","native"]}.\n')
		self.write('ejabberd.yml', '''hosts: [localhost]
loglevel: error
certfiles: ["%(folder)s/localhost.pem"]
auth_method: internal
auth_password_format: scram
auth_scram_hash: sha
listen:
  - {port: %(port)d, ip: "127.0.0.1", module: ejabberd_c2s, backlog: 1024, max_stanza_size: 262144, access: all, starttls: true}
acl: {local: {user_regexp: ""}}
access_rules: {local: [{allow: local}]}
shaper_rules: {}
modules:
  mod_roster: {}
  mod_disco: {}
  mod_ping: {}
  mod_version: {}
  mod_time: {}
  mod_offline: {}
  mod_caps: {}
''' % {'folder': self.folder, 'port': self.port})
		# Its database holds the keys as base64, and its format for moving encodes what the database holds once more.
		stored, server, salt = (base64.b64encode(base64.b64encode(part)).decode() for part in keys() + (SALT,))
		scram = ("<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>%d</iter-count><salt>%s</salt><server-key>%s</server-key>"
			'<stored-key>%s</stored-key></scram-credentials>' % (ROUNDS, salt, server, stored))
		users = ''.join("<user name='%s'>%s</user>" % (name, scram) for name in self.accounts)
		self.write('users.xml', "<?xml version='1.0'?><server-data xmlns='urn:xmpp:pie:0'><host jid='localhost'>%s</host></server-data>" % users)
		for folder in ('spool', 'log'):
			os.makedirs(self.path(folder), exist_ok=True)

	def control(self, *words):
		# Not by the su of ejabberdctl, with which PAM sets the limit of open files back.
		as_user = ['setpriv', '--reuid=' + self.user, '--regid=' + self.user, '--init-groups'] if os.geteuid() == 0 else []
		return as_user + ['ejabberdctl', '--config-dir', self.folder, '--config', self.path('ejabberd.yml'), '--ctl-config', self.path('ejabberdctl.cfg'),
			'--logs', self.path('log'), '--spool', self.path('spool'), '--node', 'bench%d@localhost' % self.port, *words]

	def environment(self):
		return dict(super().environment(), HOME=self.path('spool'))   # the cookie that the node and ejabberdctl share

	def command(self):
		return self.control('foreground')

	def settle(self):
		done = subprocess.run(self.control('import_piefxis', self.path('users.xml')), capture_output=True, text=True, timeout=600, check=False,
			env=self.environment())
		if done.returncode:
			raise Failure('ejabberd: import_piefxis: ' + done.stdout + done.stderr)

	def stop(self):
		if self.process and self.process.poll() is None:
			subprocess.run(self.control('stop'), capture_output=True, timeout=60, check=False, env=self.environment())
		super().stop()


class Jabberd2(Server):
	name = package = 'jabberd2'
	mechanism = 'PLAIN'   # its package has no SCRAM

	def prepare(self):
		router = free_port()
		schema = subprocess.run(['zcat', '/usr/share/doc/jabberd2/db-setup.sqlite.gz'], capture_output=True, text=True, check=True).stdout
		database = sqlite3.connect(self.path('db.sqlite'))
		database.executescript(schema)
		database.executemany('INSERT INTO authreg VALUES (?, ?, ?)', [(name, DOMAIN, PASSWORD) for name in self.accounts])
		database.executemany('INSERT INTO active ("collection-owner", time) VALUES (?, 1)', [('%s@%s' % (name, DOMAIN),) for name in self.accounts])
		database.commit()
		database.close()
		for part in ('router', 'c2s', 'sm'):
			with open('/etc/jabberd2/%s.xml' % part, encoding='utf-8') as file:
				text = re.sub(r'<!--.*?-->', '', file.read(), flags=re.S)
			text = re.sub(r'/var/(?:run|log|lib)/jabberd2/(?:sqlite\.db)?', lambda m: self.path('db.sqlite') if m.group().endswith('.db') else self.folder + '/', text)
			text = text.replace('<port>5347</port>', '<port>%d</port>' % router).replace('<port>5222</port>', '<port>%d</port>' % self.port)
			text = text.replace('<ip>0.0.0.0</ip>', '<ip>127.0.0.1</ip>').replace('<max_fds>1024</max_fds>', '<max_fds>20000</max_fds>')
			text = re.sub(r'<stanzas>\d+</stanzas>', '<stanzas>0</stanzas>', text).replace('PRAGMA synchronous = NORMAL', 'PRAGMA synchronous = FULL')
			text = re.sub(r"<id register-enable='mu'>localhost.localdomain</id>", "<id pemfile='%s'>localhost</id>" % self.certificate, text)
			text = text.replace('localhost.localdomain', 'localhost')
			self.write(part + '.xml', text)
		self.write('run', '#!/bin/sh\njabberd2-router -c %(f)s/router.xml & a=$!\nsleep 1\njabberd2-sm -c %(f)s/sm.xml & b=$!\njabberd2-c2s -c %(f)s/c2s.xml & c=$!\n'
			'trap "kill $a $b $c" TERM\nwait\nwait\n' % {'f': self.folder}, 0o755)

	def command(self):
		return [self.path('run')]


SERVERS = {server.name: server for server in (Couplet, Prosody, Ejabberd, Jabberd2)}
