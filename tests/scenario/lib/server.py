# SPDX-License-Identifier: MIT
"""One server as a child process: its directory, configuration, accounts, log and coupletctl."""
import atexit
import functools
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

MODULES = ('tls', 'auth', 'bind', 'roster', 'presence', 'message', 'iq', 'disco', 'offline', 'ping', 'version', 'time')
SANITIZER = re.compile(r'ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed|SUMMARY: \w+Sanitizer')
# On a busy machine any handler may take its time.
SLOW = re.compile(r' core: slow callback, still running ')
LEVEL = re.compile(r'^(?:\S+ (?:warn|error) |couplet: )')   # after the time, or before there is a log


# A server that is started as root must name the user that it becomes.
AS_ROOT = 'nobody' if os.geteuid() == 0 else None


def give_away(path):
	"""Makes the server's user the owner."""
	if AS_ROOT:
		shutil.chown(path, AS_ROOT)


def can_reach(path):
	"""May the server's user pass through every folder on the way?"""
	while AS_ROOT and path != os.path.dirname(path):
		if not os.stat(path).st_mode & stat.S_IXOTH:
			return False
		path = os.path.dirname(path)
	return True


@functools.lru_cache(maxsize=None)
def within_reach(folder):
	"""The modules of a build, or a copy of them where the server's user cannot go: a tree below /root."""
	if can_reach(os.path.realpath(folder)):
		return folder
	copy = tempfile.mkdtemp(prefix='couplet-modules-')
	atexit.register(shutil.rmtree, copy, ignore_errors=True)
	os.chmod(copy, 0o755)
	for source in (folder, os.path.join(folder, '.libs')):
		for name in os.listdir(source) if os.path.isdir(source) else ():
			if name.endswith('.so'):
				shutil.copy(os.path.join(source, name), copy)
	return copy


class ServerError(Exception):
	"""The server did not do what the driver asked of it."""


HELD = []


def free_port():
	"""A port that nobody else is given until we end, also while no server listens there. A socket that is bound and does not listen holds it; who sets
	SO_REUSEADDR, as servers do, may listen beside it."""
	held = socket.socket()
	held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	held.bind(('127.0.0.1', 0))
	HELD.append(held)
	return held.getsockname()[1]


def make_certificate(directory, host):
	"""One PEM file with key and self-signed certificate."""
	path = os.path.join(directory, host + '.pem')
	key, crt = path + '.key', path + '.crt'
	subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-sha256', '-days', '30', '-subj', '/CN=' + host, '-addext', 'subjectAltName=DNS:' + host,
		'-keyout', key, '-out', crt], check=True, capture_output=True)
	with open(path, 'w', encoding='ascii') as pem:
		for part in (key, crt):
			with open(part, encoding='ascii') as source:
				pem.write(source.read())
	os.chmod(path, 0o600)
	give_away(path)
	return path


def complaints(text):
	"""The lines of a log that are warnings, errors or a sanitizer's report."""
	return [line for line in text.splitlines() if LEVEL.match(line) and not SLOW.search(line) or SANITIZER.search(line)]


class Server:
	def __init__(self, options, script, certificates):
		self.options, self.script, self.certificates = options, script, certificates
		self.directory = tempfile.mkdtemp(prefix='couplet-scenario-')
		self.config = os.path.join(self.directory, 'couplet.yml')
		self.log_path = os.path.join(self.directory, 'log')
		give_away(self.directory)
		self.ports = {name: free_port() for name in script.listeners}
		self.process = None
		self.modules = within_reach(self.options.modules)
		if getattr(script, 'examples', None):
			self.build_examples(script.examples)
		self.write_config()

	def build_examples(self, names):
		"""As their authors would, with the headers alone; beside links to the modules of the build."""
		source = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../plugins-api'))
		built, self.modules = self.modules, os.path.join(self.directory, 'modules')
		os.mkdir(self.modules)
		for folder in (os.path.join(built, '.libs'), built):
			for name in os.listdir(folder) if os.path.isdir(folder) else ():
				if name.endswith('.so') and not os.path.exists(os.path.join(self.modules, name)):
					os.symlink(os.path.abspath(os.path.join(folder, name)), os.path.join(self.modules, name))
		for name in ['Makefile'] + [name + '.c' for name in names]:
			shutil.copy(os.path.join(source, 'examples', name), self.modules)
		done = subprocess.run(['make', '-s', 'MODULE_CFLAGS=-std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -fPIC '
			'-fvisibility=hidden -I' + source] + [name + '.so' for name in names],
			cwd=self.modules, capture_output=True, text=True, check=False)
		if done.returncode:
			raise ServerError('the examples cannot be built:\n' + done.stdout + done.stderr)

	def write_config(self):
		"""The settings of the script over the defaults; a key that the script names replaces the default's."""
		parts = {
			'user': 'user: %s\n' % AS_ROOT if AS_ROOT else '',
			'data': 'data: %s/data\n' % self.directory,
			'storage': 'storage: sqlite\n',
			'parser': 'parser: %s\n' % getattr(self.options, 'parser', 'strict'),
			'modules_path': 'modules_path: %s\n' % self.modules,
			'modules': 'modules: [%s]\n' % ', '.join(MODULES),
			'tls': 'tls: {required: false}\n',
			'listen': 'listen:\n' + ''.join('  %s: {address: ["127.0.0.1"], port: %d%s}\n' % (
				name, self.ports[name], ', ' + extra if extra else '')
				for name, extra in self.script.listeners.items()),
			'hosts': 'hosts:\n' + ''.join(
				'  %s:\n    certificate: %s\n' % (host, self.certificates(host)) for host in self.script.hosts),
		}
		parts.update(self.script.settings)
		text = ''.join(parts.values())
		text = re.sub(r'\{cert (\S+)\}', lambda m: self.certificates(m.group(1)), text)
		text = text.replace('{dir}', self.directory)
		with open(self.config, 'w', encoding='utf-8') as config:
			config.write(text)

	def ctl(self, arguments, given=None, timeout=120):
		return subprocess.run([self.options.coupletctl, '-c', self.config] + arguments, input=given,
			capture_output=True, text=True, timeout=timeout, check=False, cwd=self.directory)

	def import_accounts(self, accounts):
		lines = ''.join('%s@%s %s\n' % account for account in accounts)
		done = self.ctl(['user', 'import', '-'], lines, 120)
		if done.returncode:
			raise ServerError('user import exits %d: %s%s' % (done.returncode, done.stdout, done.stderr))

	def start(self):
		with open(self.log_path, 'ab') as log:
			self.process = subprocess.Popen([self.options.couplet, '-c', self.config, '-F'],
				stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)
		deadline = time.monotonic() + 60 * self.options.patience
		for port in self.ports.values():
			while not self.answers(port):
				if self.process.poll() is not None:
					raise ServerError('the server ended with %d at its start:\n%s' % (
						self.process.returncode, self.log_since(0)))
				if time.monotonic() > deadline:
					raise ServerError('the server does not listen on port %d:\n%s' % (port, self.log_since(0)))
				time.sleep(0.02)

	@staticmethod
	def answers(port):
		try:
			socket.create_connection(('127.0.0.1', port), timeout=1).close()
			return True
		except OSError:
			return False

	@property
	def running(self):
		return self.process is not None and self.process.poll() is None

	def terminate(self, pump, timeout=60):
		"""SIGTERM; pump() is called while the server winds down. Returns the exit code."""
		if self.process is None:
			return 0
		if self.running:
			self.process.send_signal(signal.SIGTERM)
		deadline = time.monotonic() + timeout * self.options.patience
		while self.running:
			pump()
			time.sleep(0.005)
			if time.monotonic() > deadline:
				self.kill()
				raise ServerError('the server did not end within %d s of SIGTERM' % timeout)
		code, self.process = self.process.returncode, None
		return code

	def kill(self):
		if self.process is not None:
			if self.running:
				self.process.kill()
			self.process.wait()
			self.process = None

	def log_size(self):
		return os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0

	def log_since(self, offset):
		if not os.path.exists(self.log_path):
			return ''
		with open(self.log_path, 'rb') as log:
			log.seek(offset)
			return log.read().decode('utf-8', 'replace')

	def complaints(self, offset):
		"""Those since then."""
		return complaints(self.log_since(offset))

	def remove(self):
		self.kill()
		if not self.options.keep:
			shutil.rmtree(self.directory, ignore_errors=True)
