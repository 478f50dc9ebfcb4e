# SPDX-License-Identifier: MIT
"""The statements about connections, and about what clients send and receive. README.md describes them in this order."""
import base64
import re
import ssl

from . import client, match, sasl
from .world import NO, pattern_of, patient, step, unescape


# Accounts and connections

@step(r'(?:no )?account .*', quiet=True)
def account(world, block):
	"""Declarations; the driver has dealt with them before the server's start."""


@step(NO + r' connects as component (?P<domain>\S+)(?: with secret "(?P<secret>[^"]*)")?', quiet=True)
def connects_component(world, who, domain, secret, block):
	c = world.client(who)
	c.connect('component')
	c.become_component(domain, 'secret' if secret is None else secret)


@step(NO + r' opens a component stream to (?P<domain>\S+)')
def opens_component_stream(world, who, domain, block):
	"""Connection and headers; the stream's id is known as {$id} from then on."""
	c = world.client(who)
	c.connect('component')
	world.names['id'] = c.open_component(domain)


@step(NO + r' connects as (?P<jid>\S+)(?P<how>.*)', quiet=True)
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


@step(NO + r' begins to authenticate as (?P<jid>[^/\s]+) using (?P<mechanism>SCRAM-\S+)')
def begins_to_authenticate(world, who, jid, mechanism, block):
	"""As far as the challenge; what the client then proves is the password of now."""
	c = world.client(who)
	local, _, host = jid.partition('@')
	c.scram = sasl.Scram(mechanism, local, world.password(local, host))
	c.challenge = c.auth(c.scram.first(), 'auth', mechanism)
	if c.challenge.name != 'challenge':
		raise client.Failure('%s expected a challenge, received\n%s' % (who, c.challenge.pretty('  ')))


@step(NO + r' proves the password and fails with (?P<condition>[a-z-]+)')
def proves_in_vain(world, who, condition, block):
	c = world.client(who)
	check_sasl_failure(c, c.prove(c.challenge), condition)


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
	c.jid = c.domain = None


@step(NO + r' (?P<how>disconnects|is cut off)')
def disconnects(world, who, how, block):
	c = world.client(who)
	c.stream.drop(how == 'is cut off')
	c.jid = c.domain = None


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
	for byte in world.substitute(block):
		c.stream.send(byte)


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
	patterns = pattern_of(world, block, content=c.content)
	limit = patient(world, limit)
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
	world.client(who).receive_stream_error(condition, patient(world, limit))


@step(NO + r"'s stream ends")
def stream_ends(world, who, block):
	world.client(who).receive_end(error=False)


@step(NO + r"'s stream is closed")
def stream_closed(world, who, block):
	"""By the server, with or without an error before the closing tag."""
	c = world.client(who)
	error = bool(c.wait_for(c.arrived, world.timeout)) and c.stream.queue[0].kind == 'element'
	if error:
		element = c.next_element('a stream error')
		if (element.ns, element.name) != (match.STREAMS, 'error'):
			raise client.Failure('%s received instead of the end of the stream:\n%s' % (who, element.pretty('  ')))
	c.receive_end(error)


@step(NO + r"'s connection ends(?: within (?P<limit>[\d.]+) s)?")
def connection_ends(world, who, block, limit):
	c = world.client(who)
	event = c.next('the end of the connection', patient(world, limit))
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
	if not c.wait_for(lambda: c.stream.spaces > before, patient(world, limit)):
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


@step(NO + r' (?P<what>stops reading|reads again)')
def pauses(world, who, what, block):
	world.client(who).stream.paused = what == 'stops reading'


@step(NO + r' forgets')
def forgets(world, who, block):
	world.barrier()
	world.client(who).stream.queue.clear()


@step(r'all forget')
def all_forget(world, block):
	world.forget_all()


@step(NO + r' ignores')
def ignores(world, who, block):
	c = world.client(who)
	c.ignored += pattern_of(world, block, content=c.content)
