# SPDX-License-Identifier: MIT
"""What one scenario works on, and the table of the statements of the language."""
import base64
import hashlib
import re

from . import client, match, stream

STEPS = []
NO = r'(?P<who>\w+)'

class World:
	"""What one scenario works on."""

	def __init__(self, runner, scenario):
		self.runner, self.server, self.scenario = runner, runner.server, scenario
		self.clients = {}
		self.all_streams = []
		self.names = {}
		self.expected_log = []
		self.transcript = []
		self.timeout = 30 * runner.options.patience
		self.unsettled = False   # connections made whose echoes are still to be forgotten

	def port(self, listener):
		if listener not in self.server.ports:
			raise client.Failure('there is no listener %s' % listener)
		return self.server.ports[listener]

	def streams(self):
		return [s for s in self.all_streams if not s.ended]

	def client(self, name):
		if name not in self.clients:
			self.clients[name] = client.Client(name, self)
		return self.clients[name]

	def bound(self):
		return [c for c in self.clients.values() if c.stream and not c.stream.ended and c.jid]

	def password(self, local, host):
		for (name, domain), password in self.scenario.accounts.items():
			if self.scenario.rename(name + '@') == local + '@' and domain == host:
				return password
		return 'password'

	def barrier(self):
		"""Returns when what the clients have sent so far has had all its effects.

		Each client's ping is answered behind its earlier stanzas. Effects that wait for the disk are behind the
		commits of the driver's own account, of which there are as many as a chain of effects can be long.
		"""
		self.ping_all()
		self.runner.commit_barrier(self)
		self.ping_all()

	def components(self):
		return [c for c in self.clients.values() if c.stream and not c.stream.ended and not c.stream.closed and c.domain]

	def ping_all(self):
		bound = [c for c in self.bound() + self.components() if not c.stream.paused]
		first = self.runner.script.hosts[0]
		pending = [(c, c.request("<ping xmlns='urn:xmpp:ping'/>", 'get', first if c.domain else c.host)) for c in bound]
		for each, ident in pending:
			try:
				each.answer(ident)
			except client.Failure:
				if not each.stream.ended:
					raise
		if len(bound) < len(self.streams()):
			stream.pump_all(self.streams(), 0.1)

	def forget_all(self):
		self.barrier()
		for each in self.bound():
			for event in each.stream.queue:
				each.check_address(event)
				if event.kind != 'element':
					raise client.Failure('%s received %s' % (each.name, event))
			each.stream.queue.clear()

	def substitute(self, text):
		text = re.sub(r'\{repeat (\d+) ([^{}]*)\}', lambda m: m.group(2) * int(m.group(1)), text)
		text = re.sub(r'\{byte ([0-9a-fA-F]{2})\}', lambda m: bytes.fromhex(m.group(1)).decode('ascii', 'surrogateescape'), text)
		text = re.sub(r'\{\$(\w+)\}', lambda m: self.names.get(m.group(1), m.group(0)), text)
		text = re.sub(r'\{sha1 ([^{}]*)\}', lambda m: hashlib.sha1(m.group(1).encode()).hexdigest(), text)
		text = re.sub(r'\{token [^{}]*preauth=([0-9a-f]+)[^{}]*\}', r'\1', text)
		return re.sub(r'\{base64 ([^{}]*)\}', lambda m: base64.b64encode(unescape(m.group(1)).encode()).decode(), text)

	def run(self, statement):
		text = self.scenario.rename(statement.text)
		block = self.scenario.rename(statement.block)
		inline = re.match(r'([^<"]*?) (<.*)', text)
		if inline and not block:
			text, block = inline.groups()
		for regex, function in STEPS:
			found = regex.fullmatch(text)
			if found:
				if self.unsettled and not getattr(function, 'quiet', False):
					self.unsettled = False
					self.forget_all()
				function(self, block=block, **found.groupdict())
				return
		raise client.Failure('no statement of the language: ' + text)


def unescape(text):
	return text.encode('latin-1', 'backslashreplace').decode('unicode_escape')


def step(pattern, quiet=False):
	"""Makes a function the meaning of the statements that fit the pattern. quiet: it may stand among those that connect."""
	def register(function):
		function.quiet = quiet
		STEPS.append((re.compile(pattern), function))
		return function
	return register


def pattern_of(world, block, count=None, content=match.CLIENT):
	patterns = match.parse(world.substitute(block), content)
	if not patterns or count and len(patterns) != count:
		raise client.Failure('the statement needs XML below it')
	return patterns


def patient(world, text):
	"""A limit of the script's in seconds, or None."""
	return float(text) * world.runner.options.patience if text else None
