# SPDX-License-Identifier: MIT
"""One connection of a client: socket, TLS, the parser, and the queue of what has arrived."""
import collections
import select
import socket
import ssl
import struct
import time
import xml.parsers.expat

from . import match

HEADER = ("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xml:lang='en' xmlns='jabber:client'"
	" xmlns:stream='http://etherx.jabber.org/streams'>")
COMPONENT_HEADER = ("<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:component:accept'"
	" xmlns:stream='http://etherx.jabber.org/streams'>")


class Event:
	"""What arrived: kind 'header', 'element', 'end' (of the stream), 'eof', 'reset' or 'garbage'."""

	def __init__(self, kind, element=None, text=''):
		self.kind, self.element, self.text = kind, element, text

	def __str__(self):
		if self.element:
			return self.element.pretty()
		return {'end': '</stream:stream>', 'eof': 'the end of the connection',
			'reset': 'a reset of the connection'}.get(self.kind, '%s: %s' % (self.kind, self.text))


class Stream:
	def __init__(self, name, port, transcript):
		self.name, self.transcript = name, transcript
		self.sock = socket.create_connection(('127.0.0.1', port), timeout=60)
		self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		self.sock.setblocking(False)
		self.tls = self.certificate = None
		self.queue = collections.deque()
		self.spaces = 0          # bytes of white space received between stanzas
		self.ended = False
		self.closed = False      # our closing tag has been sent
		self.paused = False      # the script wants nothing read for a while
		self.restart()

	def note(self, direction, text):
		self.transcript.append('%s %s %s' % (self.name, direction, text))

	def restart(self):
		"""The next byte received begins a new stream."""
		self.builder = match.TreeBuilder(
			lambda element: self.put(Event('header', element)),
			lambda element: self.put(Event('element', element)),
			lambda: self.put(Event('end')), self.space)
		self.open = False

	def put(self, event):
		if event.kind == 'header':
			self.open = True
		self.note('<-', str(event))
		self.queue.append(event)

	def space(self, text):
		self.spaces += len(text)
		if text.strip():
			self.put(Event('garbage', text=text))

	def start_tls(self, host, alpn=None, timeout=60):
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		context.check_hostname = False
		context.verify_mode = ssl.CERT_NONE
		if alpn:
			context.set_alpn_protocols(alpn)
		self.sock.settimeout(timeout)
		self.sock = context.wrap_socket(self.sock, server_hostname=host)
		self.sock.setblocking(False)
		self.certificate = self.sock.getpeercert(binary_form=True)
		self.tls = self.sock.version()
		self.note('--', 'TLS: %s %s' % (self.tls, self.sock.selected_alpn_protocol() or ''))
		self.restart()

	def pump(self):
		"""Takes in what has arrived, without waiting."""
		while not self.ended:
			try:
				data = self.sock.recv(65536)
			except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
				return
			except (ConnectionResetError, BrokenPipeError):
				self.finish('reset')
				return
			except ssl.SSLError as error:
				# an end without close_notify is an end, and noted as such
				if 'EOF' not in str(error):
					self.put(Event('garbage', text=str(error)))
				data = b''
			except OSError as error:
				self.put(Event('garbage', text=str(error)))
				data = b''
			if not data:
				self.finish('eof')
				return
			try:
				self.builder.parser.Parse(data, False)
			except xml.parsers.expat.ExpatError as error:
				self.put(Event('garbage', text='%s: %r' % (error, data)))

	def finish(self, kind):
		self.ended = True
		self.put(Event(kind))
		self.sock.close()

	def send(self, text, timeout=60):
		self.closed = self.closed or '</stream:stream>' in text
		data = text.encode('utf-8', 'surrogateescape')
		shown = data.decode('utf-8', 'replace')
		self.note('->', shown if len(shown) < 2000 else shown[:500] + '... (%d bytes)' % len(data))
		deadline = time.monotonic() + timeout
		view = memoryview(data)
		while view and not self.ended:
			try:
				view = view[self.sock.send(view):]
			except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
				select.select([self.sock], [self.sock], [], 0.2)
			except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
				self.note('--', 'the peer took no more, %d bytes unsent' % len(view))
				return
			if not self.paused:
				self.pump()
			if time.monotonic() > deadline:
				self.note('--', 'sending stopped after %d s, %d bytes unsent' % (timeout, len(view)))
				return

	def shut_sending(self):
		"""FIN, with the other direction left open."""
		if not self.ended:
			self.sock.shutdown(socket.SHUT_WR)

	def drop(self, reset=False):
		"""Ends the connection without a word: FIN, or RST."""
		if not self.ended:
			if reset:
				self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
			self.ended = True
			self.note('--', 'connection dropped')
			self.sock.close()


def pump_all(streams, seconds):
	"""Waits until something arrives on one of the streams, at most so long, and takes it in."""
	live = [s for s in streams if not s.ended and not s.paused]
	if not live:
		time.sleep(min(seconds, 0.01))
		return
	readable, _, _ = select.select([s.sock for s in live], [], [], max(seconds, 0))
	for stream in live:
		if stream.sock in readable:
			stream.pump()
