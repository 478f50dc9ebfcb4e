# SPDX-License-Identifier: MIT
"""For tests of coupletctl that want one server and clients for all tests of a program: a server of the scenarios, two people, coupletctl in several ways."""
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'scenario'))
from lib import client, server  # noqa: E402

COUPLET, CTL, MODULES = (os.path.abspath(a) for a in (sys.argv[1:4] or ('couplet', 'coupletctl', 'modules')))
PATIENCE = int(os.environ.get('TEST_PATIENCE', '5'))


class Stage(unittest.TestCase):
	"""The server runs from the first test of the class to the last. `settings` are keys of its configuration, as the scenarios have them."""
	settings = {}
	announced = ()   # what warnings and errors of the log may have in them

	@classmethod
	def setUpClass(cls):
		options = types.SimpleNamespace(couplet=COUPLET, coupletctl=CTL, modules=MODULES, patience=PATIENCE, keep=False)
		script = types.SimpleNamespace(listeners={'c2s': ''}, settings=cls.settings, hosts=['localhost'])
		folder = []
		cls.server = server.Server(options, script, lambda host: server.make_certificate(folder[0], host) if folder else host)
		folder.append(cls.server.directory)
		cls.prepare(cls.server.directory)
		cls.server.write_config()
		cls.server.import_accounts([('romeo', 'localhost', 'wherefore'), ('juliet', 'localhost', 'wherefore')])
		cls.world = types.SimpleNamespace(port=lambda name: cls.server.ports[name], transcript=[], all_streams=[], timeout=10 * PATIENCE, names={},
			streams=lambda: [s for s in cls.world.all_streams if not s.ended])
		cls.server.start()

	@classmethod
	def tearDownClass(cls):
		cls.server.process.terminate()
		code = cls.server.process.wait(120)
		complaints = [line for line in cls.server.complaints(0) if not any(text in line for text in cls.announced)]
		cls.server.remove()
		if code or complaints:
			raise AssertionError('the server ends with %d\n%s' % (code, complaints))

	@classmethod
	def prepare(cls, directory):
		"""Files that the configuration needs."""

	def shortDescription(self):
		"""The names of the tests alone: tests/run reads them."""

	def setUp(self):
		"""No test waits for ever for what does not come."""
		signal.signal(signal.SIGALRM, self.too_long)
		signal.alarm(60 * PATIENCE)
		self.addCleanup(lambda: signal.alarm(0))

	def too_long(self, _signum, _frame):
		raise AssertionError('nothing happens any more')

	def person(self, name, resource='orchard', host='localhost'):
		one = client.Client(name, self.world)
		one.connect('c2s')
		one.open(host)
		one.log_in(name, 'wherefore')
		one.bind(resource)
		one.become_available(0)
		self.addCleanup(lambda: (self.world.all_streams.remove(one.stream), one.stream.sock.close()))
		return one

	def ctl(self, *words, given='', code=0):
		done = self.server.ctl(list(words), given, 60)
		self.assertEqual(done.returncode, code, '%s: %s%s' % (words, done.stdout, done.stderr))
		return done

	def rows(self, *words):
		return json.loads(self.ctl('--json', *words).stdout)

	def begin(self, *words):
		"""A command that goes on; its standard output and error are pipes."""
		process = subprocess.Popen([CTL, '-c', self.server.config, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
		self.addCleanup(lambda: (process.poll() is None and process.kill(), process.wait(), process.stdout.close(), process.stderr.close()))
		return process


class Terminal:
	"""A program on a terminal of its own."""

	def __init__(self, words, environment=None):
		self.seen = ''
		self.child, self.fd = pty.fork()
		if self.child == 0:
			os.execve(words[0], words, dict(os.environ, TERM='vt100', **(environment or {})))

	def wait_for(self, text, since=0):
		"""Until `text` has appeared behind `since` characters; returns where it ends."""
		while text not in self.seen[since:]:
			try:
				more = os.read(self.fd, 4096)
			except OSError:
				more = b''
			if not more:
				raise AssertionError('no "%s":\n%s' % (text, self.seen))
			self.seen += more.decode('utf-8', 'replace')
		return self.seen.index(text, since) + len(text)

	def is_raw(self):
		"""Does the program get what is typed, each key as it is?"""
		return not termios.tcgetattr(self.fd)[3] & (termios.ICANON | termios.ISIG)

	def type(self, text):
		os.write(self.fd, text.encode())

	def end(self):
		"""The exit code, when the program has ended by itself."""
		while True:
			try:
				more = os.read(self.fd, 4096)
			except OSError:
				break
			if not more:
				break
			self.seen += more.decode('utf-8', 'replace')
		os.close(self.fd)
		return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


def main():
	unittest.main(argv=sys.argv[:1], verbosity=2)
