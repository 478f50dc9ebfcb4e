# SPDX-License-Identifier: MIT
"""A named client of a scenario: negotiation of its stream, and what it has received and not yet been asked about."""
import base64
import hashlib
import time

from . import match, sasl, stream

TLS = 'urn:ietf:params:xml:ns:xmpp-tls'
SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
BIND = 'urn:ietf:params:xml:ns:xmpp-bind'
SESSION = 'urn:ietf:params:xml:ns:xmpp-session'
ROSTER = 'jabber:iq:roster'
STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams'
PREFERENCE = ('SCRAM-SHA-512', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN')


class Failure(Exception):
	"""The server did not do what the scenario says."""


class Client:
	def __init__(self, name, world):
		self.name, self.world = name, world
		self.stream = self.features = self.jid = self.last_jid = self.host = None
		self.content = match.CLIENT
		self.domain = None       # of an external component
		self.ignored = []
		self.counter = 0

	# Receiving

	def arrived(self):
		"""The queue, without what the script told to ignore."""
		queue = self.stream.queue
		for event in [e for e in queue if e.kind == 'element' and self.ignores(e.element)]:
			queue.remove(event)
		return queue

	def ignores(self, element):
		if self.domain and element.attrs.get('from', '').startswith('barrier@'):
			return True   # the driver's own account, of which a privileged component hears, too
		return any(match.compare(p, element, {}) is None for p in self.ignored)

	def wait_for(self, condition, timeout):
		"""Until condition() is true, taking in what arrives at any client of the scenario."""
		deadline = time.monotonic() + timeout
		while not condition():
			left = deadline - time.monotonic()
			if left <= 0 or self.stream.ended:
				return bool(condition())
			stream.pump_all(self.world.streams(), min(left, 0.25))
		return True

	def next(self, what, timeout=None):
		if self.stream is None:
			raise Failure('%s has no connection' % self.name)
		timeout = self.world.timeout if timeout is None else timeout
		if not self.wait_for(self.arrived, timeout):
			raise Failure('%s received nothing within %g s, expected\n%s' % (self.name, timeout, what))
		event = self.stream.queue.popleft()
		self.check_address(event)
		return event

	def check_address(self, event):
		"""RFC 6120, 10.5: what a client receives is for its account."""
		if event.kind == 'element' and self.jid and event.element.ns == match.CLIENT:
			to = event.element.attrs.get('to')
			if to is not None and to.split('/')[0].lower() != self.jid.split('/')[0].lower():
				raise Failure('%s, who is %s, received what is for another:\n%s' % (self.name, self.jid, event))

	def next_element(self, what, timeout=None):
		event = self.next(what, timeout)
		if event.kind != 'element':
			raise Failure('%s received %s, expected\n%s' % (self.name, event, what))
		return event.element

	def receive(self, pattern, timeout=None):
		element = self.next_element(pattern.pretty(), timeout)
		why = match.compare(pattern, element, self.world.names)
		if why:
			raise Failure('%s\nexpected by %s:\n%s\nreceived:\n%s' % (
				why, self.name, pattern.pretty('  '), element.pretty('  ')))

	def receive_group(self, patterns, timeout=None):
		"""The same number of elements as patterns, in any order."""
		rest = list(patterns)
		while rest:
			element = self.next_element('\n'.join(p.pretty('  ') for p in rest), timeout)
			reasons = []
			for pattern in rest:
				why = match.compare(pattern, element, self.world.names)
				if why is None:
					rest.remove(pattern)
					break
				reasons.append('- %s' % why)
			else:
				raise Failure('%s received what fits none of the expected:\n%s\n%s\nstill expected:\n%s' % (
					self.name, element.pretty('  '), '\n'.join(reasons),
					'\n'.join(p.pretty('  ') for p in rest)))

	def receive_stream_error(self, condition, timeout=None):
		"""The error, the stream's closing tag and the end of the connection, in this order."""
		element = self.next_element('stream error ' + condition, timeout)
		if (element.ns, element.name) != (match.STREAMS, 'error'):
			raise Failure('%s received\n%s\nexpected stream error %s' % (self.name, element.pretty('  '), condition))
		given = [c.name for c in element.elements() if c.ns == STREAM_ERRORS and c.name != 'text']
		if len(given) != 1 or given[0] not in condition.split(' or '):
			raise Failure('%s received stream error %s, expected %s' % (self.name, ' '.join(given), condition))
		self.receive_end()

	def receive_end(self, error=True):
		"""Closing tag and end of the connection. Without an error the client answers the tag (RFC 6120, 4.4)."""
		for kind in ('end', 'eof'):
			what = {'end': '</stream:stream>', 'eof': 'the end of the connection'}[kind]
			event = self.next(what)
			if event.kind != kind:
				raise Failure('%s received %s, expected %s' % (self.name, event, what))
			if kind == 'end' and not error and not self.stream.closed and not self.stream.ended:
				self.stream.send('</stream:stream>')
		self.forget_connection()

	def forget_connection(self):
		if self.stream:
			self.stream.drop()
		self.jid = self.domain = None

	# Requests of the driver's own; everything else that arrives meanwhile stays in the queue

	def request(self, payload, kind='get', to=None):
		self.counter += 1
		ident = 'driver-%s-%d' % (self.name, self.counter)
		self.stream.send("<iq type='%s' id='%s'%s%s>%s</iq>" % (
			kind, ident, " to='%s'" % match.escape(to, True) if to else '', " from='%s'" % self.domain if self.domain else '', payload))
		return ident

	def answer(self, ident):
		def find():
			for event in self.stream.queue:
				if event.kind == 'element' and event.element.name == 'iq' and event.element.attrs.get('id') == ident:
					return event
			return None
		if not self.wait_for(find, self.world.timeout):
			raise Failure('%s got no answer to the request %s; received:\n%s' % (
				self.name, ident, '\n'.join(str(e) for e in self.stream.queue) or 'nothing'))
		event = find()
		self.stream.queue.remove(event)
		return event.element

	def ask(self, payload, kind='get', to=None):
		reply = self.answer(self.request(payload, kind, to))
		if reply.attrs.get('type') != 'result':
			raise Failure('%s asked\n  %s\nand was answered\n%s' % (self.name, payload, reply.pretty('  ')))
		return reply

	def roster(self):
		"""JID -> item, by a roster get."""
		query = self.ask("<query xmlns='%s'/>" % ROSTER).find(ROSTER, 'query')
		return {item.attrs['jid']: item for item in query.elements()}

	# Negotiation

	def connect(self, listener='c2s', tls=None, host='localhost', alpn=None):
		self.stream = stream.Stream(self.name, self.world.port(listener), self.world.transcript)
		self.world.all_streams.append(self.stream)
		self.jid = self.domain = None
		self.content = match.COMPONENT if listener == 'component' else match.CLIENT
		self.host = host
		if tls:
			self.stream.start_tls(host, alpn)

	def open(self, host):
		"""Header, header, features."""
		self.host = host
		self.stream.send(stream.HEADER % host)
		event = self.next('a stream header')
		if event.kind != 'header':
			raise Failure('%s received instead of a stream header:\n%s' % (self.name, event))
		self.features = self.next_element('<stream:features/>')
		if (self.features.ns, self.features.name) != (match.STREAMS, 'features'):
			raise Failure('%s received instead of the features:\n%s' % (self.name, self.features.pretty('  ')))

	def open_component(self, domain):
		"""XEP-0114, 3: header, header; the id of the stream is needed for the handshake."""
		self.stream.send(stream.COMPONENT_HEADER % domain)
		event = self.next('a stream header')
		if event.kind != 'header' or event.element.attrs.get('from') != domain:
			raise Failure('%s received instead of the stream header of %s:\n%s' % (self.name, domain, event))
		return event.element.attrs['id']

	def become_component(self, domain, secret):
		ident = self.open_component(domain)
		self.stream.send('<handshake>%s</handshake>' % hashlib.sha1((ident + secret).encode()).hexdigest())
		self.receive(match.parse("<handshake t:only='yes'/>", match.COMPONENT)[0])
		self.domain = domain

	def start_tls(self):
		self.stream.send("<starttls xmlns='%s'/>" % TLS)
		self.receive(match.parse("<proceed xmlns='%s'/>" % TLS)[0])
		self.stream.start_tls(self.host)
		self.open(self.host)

	def mechanisms(self):
		offer = self.features.find(SASL, 'mechanisms')
		return [m.text() for m in offer.find_all(SASL, 'mechanism')] if offer else []

	def auth(self, payload, name='auth', mechanism=None):
		self.stream.send("<%s xmlns='%s'%s>%s</%s>" % (
			name, SASL, " mechanism='%s'" % mechanism if mechanism else '', sasl.b64(payload), name))
		return self.next_element('an answer of SASL')

	def binding(self, flag):
		"""The channel binding data for a gs2 flag (RFC 5929; RFC 9266 is beyond Python's ssl)."""
		if flag == 'p=tls-server-end-point':
			return hashlib.sha256(self.stream.certificate).digest()
		if flag == 'p=tls-unique':
			return self.stream.sock.get_channel_binding('tls-unique')
		return b''

	def authenticate(self, user, password, mechanism=None, authzid='', flag='n', faults=()):
		"""Returns the last answer: <success/> or <failure/>."""
		if mechanism is None:
			usable = [m for m in PREFERENCE if m in self.mechanisms()]
			if not usable:
				raise Failure('%s is offered no mechanism that the driver knows: %s' % (
					self.name, ' '.join(self.mechanisms())))
			mechanism = usable[0]
		if mechanism == 'PLAIN':
			return self.auth(('%s\0%s\0%s' % (authzid, user, password)).encode(), 'auth', 'PLAIN')
		self.scram = sasl.Scram(mechanism, user, password, authzid, flag, self.binding(flag), faults)
		answer = self.auth(self.scram.first(), 'auth', mechanism)
		return self.prove(answer) if answer.name == 'challenge' else answer

	def prove(self, challenge):
		"""The second half of SCRAM. Returns the last answer."""
		try:
			answer = self.auth(self.scram.final(base64.b64decode(challenge.text())), 'response')
			if answer.name == 'success':
				self.scram.verify(base64.b64decode(answer.text()))
		except (sasl.Failure, KeyError, ValueError) as error:
			raise Failure('%s: SCRAM: %s' % (self.name, error)) from None
		return answer

	def log_in(self, user, password, **how):
		answer = self.authenticate(user, password, **how)
		if (answer.ns, answer.name) != (SASL, 'success'):
			raise Failure('%s could not authenticate as %s:\n%s' % (self.name, user, answer.pretty('  ')))
		self.stream.restart()
		self.open(self.host)

	def bind(self, resource):
		payload = '<resource>%s</resource>' % match.escape(resource) if resource else ''
		reply = self.ask("<bind xmlns='%s'>%s</bind>" % (BIND, payload), 'set')
		self.jid = self.last_jid = reply.find(BIND, 'bind').find(BIND, 'jid').text()

	def become_available(self, priority):
		"""Roster, initial presence, and silence about what they cause here."""
		self.roster()
		self.stream.send('<presence>%s</presence>' % (
			'<priority>%d</priority>' % priority if priority is not None else ''))
