# SPDX-License-Identifier: MIT
"""What the tests of the examples that log people in share: a server of its own in a temporary folder, and SASL PLAIN over direct TLS by hand."""
import base64
import contextlib
import os
import pathlib
import pwd
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'scenario'))
from lib import server as servers  # noqa: E402

HEADER = b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"


def read_until(stream, *ends):
	got = b''
	while not any(end in got for end in ends):
		piece = stream.recv(65536)
		if not piece:
			raise EOFError(got)
		got += piece
	return got


@contextlib.contextmanager
def opened(port):
	"""A stream before SASL."""
	context = ssl.create_default_context()
	context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
	with socket.create_connection(('127.0.0.1', port), 60) as plain, context.wrap_socket(plain, server_hostname='localhost') as stream:
		stream.sendall(HEADER)
		features = read_until(stream, b'</stream:features>')
		assert b'<mechanism>PLAIN</mechanism>' in features and b'SCRAM' not in features, features
		yield stream


def send_plain(stream, user, password):
	message = base64.b64encode(b'\0' + user.encode() + b'\0' + password.encode())
	stream.sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + message + b'</auth>')


def bind(stream):
	stream.sendall(HEADER)
	read_until(stream, b'</stream:features>')
	stream.sendall(b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
	return read_until(stream, b'</iq>')


def log_in(port, user, password):
	"""What the server answers to PLAIN; with success, also to the binding."""
	with opened(port) as stream:
		send_plain(stream, user, password)
		answer = read_until(stream, b'</failure>', b'<success')
		return bind(stream) if b'<success' in answer else answer


class Server:
	"""Couplet with a few modules and the one that is tested; stops with 0 and has logged no warning."""

	def __init__(self, couplet, modules, coupletctl=None):
		self.couplet, self.modules, self.coupletctl = couplet, modules, coupletctl
		self.port = servers.free_port()

	def configure(self, module, options, more=''):
		subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', self.folder / 'key',
			'-out', self.folder / 'certificate', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], check=True,
			capture_output=True)
		(self.folder / 'both').write_bytes((self.folder / 'key').read_bytes() + (self.folder / 'certificate').read_bytes())
		(self.folder / 'couplet.yml').write_text('data: data\nmodules_path: %s\nstorage: memory\nuser: %s\n' % (self.modules, pwd.getpwuid(os.geteuid()).pw_name) +
			'modules: [tls, %s, bind, roster, presence, message, iq, adhoc]\n%s: {%s}\n%s' % (module, module, options, more) +
			'listen: {c2s-direct: {address: [127.0.0.1], port: %d, tls: direct}}\nhosts: {localhost: {certificate: both}}\n' % self.port)

	def ctl(self, *words, **more):
		return subprocess.run([self.coupletctl, '-c', self.folder / 'couplet.yml', *words], capture_output=True, text=True, timeout=120, **more)

	def start(self):
		with open(self.folder / 'log', 'ab') as log:
			self.process = subprocess.Popen([self.couplet, '-F', '-c', self.folder / 'couplet.yml'], stdin=subprocess.DEVNULL, stderr=log)
		for _ in range(1200):
			with socket.socket() as probe, socket.socket(socket.AF_UNIX) as control:
				if probe.connect_ex(('127.0.0.1', self.port)) == 0 and control.connect_ex(str(self.folder / 'data' / 'control.sock')) == 0:
					return
			assert self.process.poll() is None, (self.folder / 'log').read_text()
			time.sleep(0.05)
		raise AssertionError('the server does not start')

	def stop(self):
		self.process.terminate()
		return self.process.wait(60)

	def __enter__(self):
		self.temporary = tempfile.TemporaryDirectory(prefix='couplet-example-')
		self.folder = pathlib.Path(self.temporary.name)
		return self

	def __exit__(self, kind, value, trace):
		code = self.stop() if self.process.poll() is None else self.process.returncode
		text = (self.folder / 'log').read_text()
		self.temporary.cleanup()
		if kind is None:
			assert code == 0 and not servers.complaints(text), text
		else:
			print(text)
