# SPDX-License-Identifier: MIT
"""What each statement of the language does. README.md describes them in the same order."""
import base64
import datetime
import hashlib
import re
import shlex
import ssl
import time

from . import client, match, sasl, stream

STEPS = []
NO = r'(?P<who>\w+)'

STATES = {
	'None': '', 'None + Pending Out': 'subscribe>', 'None + Pending In': '<subscribe',
	'None + Pending Out+In': 'subscribe> <subscribe', 'To': 'subscribe> <subscribed',
	'To + Pending In': 'subscribe> <subscribed <subscribe', 'From': '<subscribe subscribed>',
	'From + Pending Out': '<subscribe subscribed> subscribe>',
	'Both': 'subscribe> <subscribed <subscribe subscribed>',
}


class World:
	"""What one scenario works on."""

	def __init__(self, runner, scenario):
		self.runner, self.server, self.scenario = runner, runner.server, scenario
		self.clients = {}
		self.all_streams = []
		self.names = {}
		self.expected_log = []
		self.transcript = []
		self.timeout = 5 * runner.options.patience
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

	def ping_all(self):
		bound = self.bound()
		pending = [(c, c.request("<ping xmlns='urn:xmpp:ping'/>", 'get', c.host)) for c in bound]
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
				if self.unsettled and function not in (connects, account, log_expects):
					self.unsettled = False
					self.forget_all()
				function(self, block=block, **found.groupdict())
				return
		raise client.Failure('no statement of the language: ' + text)


def unescape(text):
	return text.encode('latin-1', 'backslashreplace').decode('unicode_escape')


def step(pattern):
	def register(function):
		STEPS.append((re.compile(pattern), function))
		return function
	return register


def pattern_of(world, block, count=None):
	patterns = match.parse(world.substitute(block))
	if not patterns or count and len(patterns) != count:
		raise client.Failure('the statement needs XML below it')
	return patterns


def seconds(text):
	return float(text) if text else None


# Accounts and connections

@step(r'(?:no )?account .*')
def account(world, block):
	"""Declarations; the driver has dealt with them before the server's start."""


@step(NO + r' connects as (?P<jid>\S+)(?P<how>.*)')
def connects(world, who, jid, how, block):
	bare, _, resource = jid.partition('/')
	local, _, host = bare.partition('@')
	options = parse_how(how)
	c = world.client(who)
	direct = options.get('over') == 'direct tls'
	c.connect('c2s-direct' if direct else 'c2s', direct, host, ['xmpp-client'] if direct else None)
	c.open(host)
	if options.get('over') == 'tls':
		c.start_tls()
	c.log_in(local, options.get('password', world.password(local, host)), mechanism=options.get('using'))
	c.bind(world.substitute(resource))
	if 'session' in options:
		c.ask("<session xmlns='%s'/>" % client.SESSION, 'set')
	if 'no presence' in options:
		if 'no roster' not in options:
			c.roster()
		return
	if 'no roster' in options:
		c.stream.send('<presence/>')
	else:
		c.become_available(options.get('priority'))
	world.unsettled = True


def parse_how(text):
	options = {}
	rules = (
		(r' with priority (-?\d+)', lambda m: ('priority', int(m.group(1)))),
		(r' with password "([^"]*)"', lambda m: ('password', m.group(1))),
		(r' without (roster|presence)', lambda m: ('no ' + m.group(1), True)),
		(r' over (tls|direct tls)', lambda m: ('over', m.group(1))),
		(r' using ([A-Z0-9-]+)', lambda m: ('using', m.group(1))),
		(r' with authzid "([^"]*)"', lambda m: ('authzid', m.group(1))),
		(r' with user name "([^"]*)"', lambda m: ('user', m.group(1))),
		(r' with gs2 flag (y|n)', lambda m: ('flag', m.group(1))),
		(r' bound to (tls-[a-z-]+)', lambda m: ('flag', 'p=' + m.group(1))),
		(r' with a wrong (proof|nonce|binding)', lambda m: ('fault', m.group(1))),
		(r' and requests a session', lambda m: ('session', True)),
	)
	while text:
		for regex, make in rules:
			found = re.match(regex, text)
			if found:
				key, value = make(found)
				options[key] = value
				text = text[found.end():]
				break
		else:
			raise client.Failure('not understood:' + text)
	return options


@step(NO + r' opens a connection(?: to (?P<listener>[\w-]+))?(?P<tls> over tls)?(?: with alpn "(?P<alpn>[^"]+)")?')
def opens_connection(world, who, listener, tls, alpn, block):
	world.client(who).connect(listener or 'c2s', tls, 'localhost', alpn.split(',') if alpn else None)


@step(NO + r' fails to open a connection to (?P<listener>[\w-]+) over tls with alpn "(?P<alpn>[^"]+)"')
def fails_connection(world, who, listener, alpn, block):
	try:
		world.client(who).connect(listener, True, 'localhost', alpn.split(','))
	except OSError:
		return
	raise client.Failure('the handshake succeeded')


@step(NO + r' opens a stream to (?P<host>\S+)')
def opens_stream(world, who, host, block):
	c = world.client(who)
	if c.stream is None or c.stream.ended:
		c.connect('c2s', None, host)
	c.open(host)


@step(NO + r' starts tls')
def starts_tls(world, who, block):
	world.client(who).start_tls()


@step(NO + r' sees the certificate of (?P<host>\S+)')
def sees_certificate(world, who, host, block):
	with open(world.runner.certificates(host), encoding='ascii') as pem:
		expected = ssl.PEM_cert_to_DER_cert('-----BEGIN CERT' + pem.read().split('-----BEGIN CERT', 1)[1])
	if world.client(who).stream.certificate != expected:
		raise client.Failure('%s sees another certificate than that of %s' % (who, host))


@step(NO + r' shakes hands')
def shakes_hands(world, who, block):
	"""The TLS handshake alone, after the script's own <starttls/> and <proceed/>."""
	c = world.client(who)
	c.stream.start_tls(c.host)


@step(NO + r' restarts the stream')
def restarts_stream(world, who, block):
	c = world.client(who)
	c.stream.restart()
	c.open(c.host)


@step(NO + r' begins a new parser')
def new_parser(world, who, block):
	world.client(who).stream.restart()


@step(NO + r' authenticates as (?P<jid>[^/\s]+)(?P<how>.*?)(?: and fails with (?P<condition>[a-z-]+(?: or [a-z-]+)*))?')
def authenticates(world, who, jid, how, condition, block):
	c = world.client(who)
	local, _, host = jid.partition('@')
	options = parse_how(how)
	arguments = {'mechanism': options.get('using'), 'authzid': options.get('authzid', ''),
		'flag': options.get('flag', 'n'), 'faults': {options['fault']} if 'fault' in options else ()}
	user = options.get('user', local)
	password = options.get('password', world.password(local, host))
	if condition is None:
		c.log_in(user, password, **arguments)
		return
	answer = c.authenticate(user, password, **arguments)
	check_sasl_failure(c, answer, condition)


def check_sasl_failure(c, element, condition):
	given = [e.name for e in element.elements() if e.name != 'text']
	if (element.ns, element.name) != (client.SASL, 'failure') or len(given) != 1 or given[0] not in condition.split(' or '):
		raise client.Failure('%s expected the SASL failure %s, received\n%s' % (c.name, condition, element.pretty('  ')))


@step(NO + r' receives sasl failure (?P<condition>[a-z-]+(?: or [a-z-]+)*)')
def sasl_failure(world, who, condition, block):
	c = world.client(who)
	check_sasl_failure(c, c.next_element('SASL failure ' + condition), condition)


@step(NO + r' learns the salt of (?P<user>\S+) using (?P<mechanism>\S+) as \{\$(?P<name>\w+)\}')
def learns_salt(world, who, user, mechanism, name, block):
	"""Begins an exchange, notes salt and iteration count as one value, and aborts."""
	c = world.client(who)
	scram = sasl.Scram(mechanism, user.split('@')[0], 'unused')
	answer = c.auth(scram.first(), 'auth', mechanism)
	if answer.name != 'challenge':
		raise client.Failure('%s expected a challenge, received\n%s' % (who, answer.pretty('  ')))
	scram.final(base64.b64decode(answer.text()))
	world.names[name] = '%s %d' % (scram.salt, scram.rounds)
	c.stream.send("<abort xmlns='%s'/>" % client.SASL)
	check_sasl_failure(c, c.next_element('SASL failure'), 'aborted')


@step(NO + r' binds(?: (?P<resource>.+))?')
def binds(world, who, resource, block):
	world.client(who).bind(world.substitute(resource or ''))


@step(NO + r' closes the stream')
def closes_stream(world, who, block):
	"""RFC 6120, 4.4: our closing tag is answered, then the connection ends. What came before stays to be received."""
	c = world.client(who)
	c.stream.send('</stream:stream>')
	c.wait_for(lambda: c.stream.ended, world.timeout)
	kinds = [e.kind for e in c.stream.queue if e.kind != 'element']
	if kinds != ['end', 'eof']:
		raise client.Failure('%s closed the stream and then received %s, not </stream:stream> and the end' % (
			who, ', '.join(kinds) or 'nothing'))
	for event in [e for e in c.stream.queue if e.kind != 'element']:
		c.stream.queue.remove(event)
	c.jid = None


@step(NO + r' (?P<how>disconnects|is cut off)')
def disconnects(world, who, how, block):
	c = world.client(who)
	c.stream.drop(how == 'is cut off')
	c.jid = None


@step(NO + r' stops sending')
def stops_sending(world, who, block):
	c = world.client(who)
	c.stream.shut_sending()
	c.jid = None


# Sending

@step(NO + r' sends(?: (?P<times>\d+) times)?')
def sends(world, who, times, block):
	c = world.client(who)
	if not block:
		raise client.Failure('nothing to send')
	text = '\n'.join(line.strip() for line in block.split('\n') if line.strip())
	text = text.replace('>\n<', '><')
	if times:
		text = ''.join(text.replace('{n}', str(n)) for n in range(1, int(times) + 1))
	c.stream.send(world.substitute(text))


@step(NO + r' sends raw(?: "(?P<text>.*)")?')
def sends_raw(world, who, text, block):
	world.client(who).stream.send(world.substitute(unescape(text) if text is not None else block))


@step(NO + r' sends byte by byte')
def sends_bytes(world, who, block):
	c = world.client(who)
	for byte in world.substitute(block).encode():
		c.stream.send(bytes([byte]))


# Receiving

@step(NO + r' receives nothing')
def receives_nothing(world, who, block):
	world.barrier()
	c = world.client(who)
	if c.arrived():
		raise client.Failure('%s was to receive nothing, received\n%s' % (
			who, '\n'.join(str(e) for e in c.stream.queue)))


@step(NO + r' receives(?P<any> in any order)?(?: within (?P<limit>[\d.]+) s)?')
def receives(world, who, block, any=None, limit=None):
	c = world.client(who)
	patterns = pattern_of(world, block)
	limit = float(limit) * world.runner.options.patience if limit else None
	if any:
		c.receive_group(patterns, limit)
	else:
		for pattern in patterns:
			c.receive(pattern, limit)


@step(NO + r' skips (?P<count>\d+) elements')
def skips(world, who, count, block):
	for _ in range(int(count)):
		world.client(who).next_element('one of %s elements' % count)


@step(NO + r' receives stream header')
def receives_header(world, who, block):
	c = world.client(who)
	event = c.next('a stream header')
	if event.kind != 'header':
		raise client.Failure('%s received instead of a stream header:\n%s' % (who, event))
	if block:
		text = re.sub(r'(?<!/)>\s*$', '/>', world.substitute(block))
		why = match.compare(match.parse(text)[0], event.element, world.names)
		if why:
			raise client.Failure('%s\nreceived:\n%s' % (why, event))


@step(NO + r' receives features')
def receives_features(world, who, block):
	c = world.client(who)
	c.features = c.next_element('<stream:features/>')
	if (c.features.ns, c.features.name) != (match.STREAMS, 'features'):
		raise client.Failure('%s received instead of features:\n%s' % (who, c.features.pretty('  ')))


@step(NO + r' receives stream error (?P<condition>[a-z-]+(?: or [a-z-]+)*)(?: within (?P<limit>[\d.]+) s)?')
def receives_stream_error(world, who, condition, limit, block):
	world.client(who).receive_stream_error(condition, seconds(limit))


@step(NO + r"'s stream ends")
def stream_ends(world, who, block):
	world.client(who).receive_end()


@step(NO + r"'s connection ends(?: within (?P<limit>[\d.]+) s)?")
def connection_ends(world, who, block, limit):
	c = world.client(who)
	event = c.next('the end of the connection', seconds(limit))
	if event.kind not in ('eof', 'reset'):
		raise client.Failure('%s received instead of the end of the connection:\n%s' % (who, event))
	c.forget_connection()


@step(NO + r"'s connection is lost")
def connection_lost(world, who, block):
	"""The end of the connection, and before it whatever, for instance a TLS alert."""
	c = world.client(who)
	if not c.wait_for(lambda: c.stream.ended, world.timeout):
		raise client.Failure("%s's connection has not ended" % who)
	c.stream.queue.clear()
	c.forget_connection()


@step(NO + r' receives white space within (?P<limit>[\d.]+) s')
def receives_space(world, who, limit, block):
	c = world.client(who)
	before = c.stream.spaces
	if not c.wait_for(lambda: c.stream.spaces > before, float(limit)):
		raise client.Failure('%s received no white space within %s s' % (who, limit))


@step(NO + r' is (?P<negated>not )?offered')
def is_offered(world, who, negated, block):
	c = world.client(who)
	for pattern in pattern_of(world, block):
		fits = any(match.compare(pattern, f, dict(world.names) if negated else world.names) is None
			for f in c.features.elements())
		if fits == bool(negated):
			raise client.Failure('%s is %soffered\n%s\nin\n%s' % (
				who, 'not ' if not negated else '', pattern.pretty('  '), c.features.pretty('  ')))


@step(NO + r' forgets')
def forgets(world, who, block):
	world.barrier()
	world.client(who).stream.queue.clear()


@step(r'all forget')
def all_forget(world, block):
	world.forget_all()


@step(NO + r' ignores')
def ignores(world, who, block):
	world.client(who).ignored += pattern_of(world, block)


# Roster and subscriptions

@step(NO + r"'s roster has (?P<jid>\S+) as (?P<state>[a-z ]+)")
def roster_has(world, who, jid, state, block):
	items = world.client(who).roster()
	if jid not in items:
		raise client.Failure("%s's roster has no %s, but %s" % (who, jid, ', '.join(items) or 'nothing'))
	why = match.compare(item_pattern(jid, state.split()), items[jid], world.names)
	if why is None and block:
		why = match.compare(pattern_of(world, block, 1)[0], items[jid], world.names)
	if why:
		raise client.Failure("%s's roster: %s\n%s" % (who, why, items[jid].pretty('  ')))


@step(NO + r"'s roster (?:is empty|has no (?P<jid>\S+))")
def roster_lacks(world, who, jid, block):
	items = world.client(who).roster()
	if jid in items or jid is None and items:
		raise client.Failure("%s's roster has %s" % (who, ', '.join(items)))


def item_pattern(jid, words):
	"""'both', 'none ask', 'to approved', 'remove' as the pattern of a roster item."""
	subscription = words[0]
	item = match.Element(client.ROSTER, 'item', {'jid': jid, 'subscription': subscription})
	if subscription != 'remove':
		item.attrs['ask'] = 'subscribe' if 'ask' in words else '{none}'
		if 'approved' in words:
			item.attrs['approved'] = 'true'
	if set(words[1:]) - {'ask', 'approved'}:
		raise client.Failure('not understood: ' + ' '.join(words))
	return item


def event_pattern(c, peer, words):
	"""One word of 'gets from': what the server is to send to the client c because of its peer."""
	peer_jid = peer.last_jid
	if not peer_jid:
		raise client.Failure('%s has never had a resource' % peer.name)
	bare = peer_jid.split('/')[0]
	if words[0] == 'push':
		iq = match.Element(match.CLIENT, 'iq', {'type': 'set', 'id': '{any}'})
		query = match.Element(client.ROSTER, 'query')
		query.children.append(match.Element(client.ROSTER, 'item', {'jid': bare}) if words[1:] == ['any']
			else item_pattern(bare, words[1:]))
		iq.children.append(query)
		return iq
	presence = match.Element(match.CLIENT, 'presence', {'type': words[0], 'from': bare})
	if words[0] in ('available', 'unavailable'):
		presence.attrs['from'] = peer_jid if words[1:] != ['bare'] else bare
		if words[0] == 'available':
			presence.attrs['type'] = '{none}'
	elif words[0] not in ('subscribe', 'subscribed', 'unsubscribe', 'unsubscribed') or words[1:]:
		raise client.Failure('not understood: ' + ' '.join(words))
	return presence


@step(NO + r' gets from (?P<peer>\w+): (?P<what>.*)')
def gets_from(world, who, peer, what, block):
	"""Exactly these, in any order, and nothing else."""
	c = world.client(who)
	wanted = [] if what == 'nothing' else [
		event_pattern(c, world.client(peer), words.split()) for words in what.split(',')]
	world.barrier()
	if wanted:
		c.receive_group(wanted)
	world.barrier()
	if c.arrived():
		raise client.Failure('%s was to get only: %s; received also\n%s' % (
			who, what, '\n'.join(str(e) for e in c.stream.queue)))


@step(NO + r' and (?P<other>\w+) are in state (?P<state>.+)')
def in_state(world, who, other, state, block):
	"""RFC 6121, A.1: the state of the first towards the second, reached by their own stanzas."""
	if state not in STATES:
		raise client.Failure('no state of RFC 6121, A.1: ' + state)
	for word in STATES[state].split():
		actor, target = (who, other) if word.endswith('>') else (other, who)
		world.client(actor).stream.send("<presence to='%s' type='%s'/>" % (
			world.client(target).jid.split('/')[0], word.strip('<>')))
		world.barrier()
	world.forget_all()


# The server

@step(r'server stops')
def server_stops(world, block):
	world.runner.stop_server(lambda: stream.pump_all(world.streams(), 0))


@step(r'server starts')
def server_starts(world, block):
	world.runner.start_server()


@step(r'server restarts')
def server_restarts(world, block):
	server_stops(world, block)
	world.runner.start_server()


@step(r'server is killed')
def server_killed(world, block):
	world.server.kill()
	world.runner.barrier_client = None
	for each in world.all_streams:
		each.drop()
	world.runner.start_server()


@step(r'ctl "(?P<command>.*?)"(?: with input "(?P<given>[^"]*)")? exits (?P<code>\d+)(?P<prints> and (?:prints|does not print))?')
def ctl(world, command, given, code, prints, block):
	arguments = shlex.split(world.substitute(command))
	done = world.server.ctl(arguments, unescape(given) if given is not None else None)
	output = done.stdout + done.stderr
	if done.returncode != int(code):
		raise client.Failure('coupletctl %s exits %d, expected %s:\n%s' % (command, done.returncode, code, output))
	for line in block.split('\n') if prints else ():
		regex = re.sub(r'\\\{any\\\}', '.*', re.escape(world.substitute(line.strip())))
		regex = re.sub(r'(?:\\ )+', r'\\s+', regex)
		if bool(re.search(regex, output)) != (prints == ' and prints'):
			raise client.Failure('coupletctl %s: expected%s in the output: %s\nthe output:\n%s' % (
				command, '' if prints == ' and prints' else ' not', line, output))


@step(r'log expects "(?P<text>.*)"')
def log_expects(world, text, block):
	world.expected_log.append(text)


@step(r'wait (?P<time>[\d.]+) s')
def wait(world, time, block):
	end = now() + float(time)
	while now() < end:
		stream.pump_all(world.streams(), min(0.1, max(0, end - now())))


def now():
	return time.monotonic()


# Values

@step(r'(?P<left>\{\$\w+\}) is (?P<negated>not )?"?(?P<right>[^"]*?)"?')
def value_is(world, left, negated, right, block):
	a, b = world.substitute(left), world.substitute(right)
	if right == 'now':
		stamp = datetime.datetime.fromisoformat(a.replace('Z', '+00:00'))
		off = abs((datetime.datetime.now(datetime.timezone.utc) - stamp).total_seconds())
		if off > 30:
			raise client.Failure('%s is %d s away from now' % (a, off))
	elif (a == b) == bool(negated):
		raise client.Failure("%s is '%s'%s" % (left, a, ", expected '%s'" % b if not negated else ''))


@step(r'(?P<left>\{\$\w+\}) matches (?P<regex>.*)')
def value_matches(world, left, regex, block):
	if not re.fullmatch(regex, world.substitute(left)):
		raise client.Failure("%s is '%s', which does not match %s" % (left, world.substitute(left), regex))


@step(NO + r' verifies the capabilities of (?P<host>\S+)')
def verifies_caps(world, who, host, block):
	"""XEP-0115, 5.1 and 6.3: the hash in the stream's features is that of the host's disco#info."""
	c = world.client(who)
	caps = c.features.find('http://jabber.org/protocol/caps', 'c')
	if caps is None:
		raise client.Failure('no <c/> in the features')
	ver, info = caps.attrs['ver'], 'http://jabber.org/protocol/disco#info'
	node = caps.attrs['node'] + '#' + ver
	query = c.ask("<query xmlns='%s' node='%s'/>" % (info, node), 'get', host).find(info, 'query')
	if query.attrs.get('node') != node:
		raise client.Failure("the answer's node is '%s', not '%s'" % (query.attrs.get('node'), node))
	text = ''
	for i in sorted('%s/%s/%s/%s' % (e.attrs['category'], e.attrs['type'], e.attrs.get(match.XML + ' lang', ''),
			e.attrs.get('name', '')) for e in query.find_all(info, 'identity')):
		text += i + '<'
	for var in sorted(e.attrs['var'] for e in query.find_all(info, 'feature')):
		text += var + '<'
	digest = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
	if caps.attrs.get('hash') != 'sha-1' or digest != ver:
		raise client.Failure("ver is '%s' (%s), computed '%s' from %s" % (ver, caps.attrs.get('hash'), digest, text))
