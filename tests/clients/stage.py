# SPDX-License-Identifier: MIT
"""The server that the clients of others meet: a real one, with certificates, two ways in and the defaults of the configuration."""
import asyncio
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'scenario'))
from lib import server as servers  # noqa: E402


class Failed(Exception):
	"""What a test expected did not come about."""


class Setting:
	"""What the scenarios' Server asks of a script."""

	hosts = ['localhost']
	listeners = {'c2s': '', 'c2s-direct': 'tls: direct', 'component': ''}
	settings = {
		'tls': '',   # replaces the scenarios' own default: TLS is required, as it is unless the configuration says otherwise
		'hosts': 'hosts:\n  localhost:\n    certificate: {cert localhost}\n'
			'  gateway.localhost: {component: external, external: {secret: parting is such sweet sorrow}}\n',
	}


class Stage:
	"""Host localhost, started for all tests of one file. Each test takes accounts of its own from account()."""

	def __init__(self, options):
		self.options, self.patience = options, options.patience
		self.certificates = tempfile.TemporaryDirectory(prefix='couplet-clients-')
		os.chmod(self.certificates.name, 0o755)   # the server's user reads them again at a reload
		self.server = servers.Server(options, Setting(), lambda host: servers.make_certificate(self.certificates.name, host))
		self.port, self.direct_port = self.server.ports['c2s'], self.server.ports['c2s-direct']
		self.directory = self.server.directory
		self.count = 0
		self.log_from = 0

	def start(self):
		"""The ports are open before the control socket is; coupletctl is needed, too."""
		self.server.start()
		deadline = time.monotonic() + self.seconds(60)
		while self.server.ctl(['status']).returncode:
			if time.monotonic() > deadline:
				raise Failed('coupletctl does not reach the server')
			time.sleep(0.05)

	def stop(self):
		"""Returns what the log complains of since the last complaints()."""
		code = self.server.terminate(lambda: None)
		complaints = self.complaints()
		if code:
			complaints.append('the server ended with %d' % code)
		return complaints

	def remove(self):
		self.server.remove()
		self.certificates.cleanup()

	def complaints(self):
		found = self.server.complaints(self.log_from)
		self.log_from = self.server.log_size()
		return found

	def log(self):
		return self.server.log_since(0)

	def account(self, name):
		"""A new account: its bare JID and its password, made with coupletctl while the server runs."""
		self.count += 1
		jid = '%s%d@localhost' % (name, self.count)
		password = 'pass word %d' % self.count
		done = self.server.ctl(['--password-stdin', 'adduser', jid], password + '\n')
		if done.returncode:
			raise Failed('adduser %s exits %d: %s%s' % (jid, done.returncode, done.stdout, done.stderr))
		return jid, password

	def seconds(self, count):
		return count * self.patience

	async def eventually(self, what, condition, seconds=60):
		"""Waits until condition() is true; its value is returned."""
		deadline = time.monotonic() + self.seconds(seconds)
		while True:
			value = condition()
			if value:
				return value
			if time.monotonic() > deadline:
				raise Failed('not within %d s: %s' % (self.seconds(seconds), what))
			await asyncio.sleep(0.02)

	async def listen(self, text, *command, environment=None):
		"""Runs a program of others that goes on, until it has printed the text."""
		process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
			stderr=asyncio.subprocess.STDOUT, env=dict(os.environ, **(environment or {})))
		output = b''
		try:
			while text not in output.decode('utf-8', 'replace'):
				more = await asyncio.wait_for(process.stdout.read(65536), self.seconds(60))
				if not more:
					raise Failed('%s ends, having printed:\n%s' % (command[0], output.decode('utf-8', 'replace')))
				output += more
		except asyncio.TimeoutError as error:
			raise Failed('%s has printed only:\n%s' % (command[0], output.decode('utf-8', 'replace'))) from error
		finally:
			if process.returncode is None:
				process.kill()
			await process.wait()

	async def execute(self, *command, given=None, seconds=60, environment=None):
		"""Runs a program of others to its end; returns its exit code and what it printed."""
		process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
			stderr=asyncio.subprocess.STDOUT, env=dict(os.environ, **(environment or {})))
		try:
			output, _none = await asyncio.wait_for(process.communicate((given or '').encode()), self.seconds(seconds))
		except asyncio.TimeoutError as error:
			process.kill()
			await process.wait()
			raise Failed('%s does not end' % command[0]) from error
		return process.returncode, output.decode('utf-8', 'replace')
