#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The example auth_file logs in whom its file names, and nobody else: auth_file.py COUPLET MODULES-FOLDER."""
import base64
import hashlib
import os
import pathlib
import pwd
import socket
import ssl
import subprocess
import sys
import tempfile
import time

COUPLET, MODULES = (os.path.abspath(argument) for argument in sys.argv[1:3])
HEADER = b"<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"


def free_port():
	with socket.socket() as probe:
		probe.bind(('127.0.0.1', 0))
		return probe.getsockname()[1]


def read_until(stream, *ends):
	got = b''
	while not any(end in got for end in ends):
		piece = stream.recv(65536)
		if not piece:
			raise EOFError(got)
		got += piece
	return got


def log_in(port, user, password):
	"""What the server answers to PLAIN; with success, also to the binding."""
	context = ssl.create_default_context()
	context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
	with socket.create_connection(('127.0.0.1', port), 10) as plain, context.wrap_socket(plain, server_hostname='localhost') as stream:
		stream.sendall(HEADER)
		features = read_until(stream, b'</stream:features>')
		assert b'<mechanism>PLAIN</mechanism>' in features and b'SCRAM' not in features, features
		message = base64.b64encode(b'\0' + user.encode() + b'\0' + password.encode())
		stream.sendall(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + message + b'</auth>')
		answer = read_until(stream, b'</failure>', b'<success')
		if b'<success' not in answer:
			return answer
		stream.sendall(HEADER)
		read_until(stream, b'</stream:features>')
		stream.sendall(b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
		return read_until(stream, b'</iq>')


def check(port):
	for _ in range(2): # the account's object is made the first time
		answer = log_in(port, 'romeo', 'rosaline')
		assert b'<jid>romeo@localhost/' in answer, answer
	assert b'<not-authorized/>' in log_in(port, 'romeo', 'juliet')
	assert b'<not-authorized/>' in log_in(port, 'paris', 'rosaline')


def main():
	port = free_port()
	with tempfile.TemporaryDirectory(prefix='couplet-auth-file-') as name:
		folder = pathlib.Path(name)
		subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', folder / 'key',
			'-out', folder / 'certificate', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], check=True,
			capture_output=True)
		(folder / 'both').write_bytes((folder / 'key').read_bytes() + (folder / 'certificate').read_bytes())
		salt = os.urandom(16)
		(folder / 'people').write_text('# localpart:digest:salt\nromeo:%s:%s\n' % (hashlib.sha256(salt + b'rosaline').hexdigest(), salt.hex()))
		(folder / 'couplet.yml').write_text('data: data\nmodules_path: %s\nstorage: memory\nuser: %s\n' % (MODULES, pwd.getpwuid(os.geteuid()).pw_name) +
			'modules: [tls, auth_file, bind, roster, presence, message, iq]\nauth_file: {file: %s/people}\n' % folder +
			'listen: {c2s-direct: {address: [127.0.0.1], port: %d, tls: direct}}\nhosts: {localhost: {certificate: both}}\n' % port)
		with open(folder / 'log', 'wb') as log:
			server = subprocess.Popen([COUPLET, '-F', '-c', folder / 'couplet.yml'], stdin=subprocess.DEVNULL, stderr=log)
		try:
			for _ in range(200):
				with socket.socket() as probe:
					if probe.connect_ex(('127.0.0.1', port)) == 0:
						break
				time.sleep(0.05)
			check(port)
		finally:
			server.terminate()
			code = server.wait(30)
		text = (folder / 'log').read_text()
		assert code == 0 and ' warn ' not in text and ' error ' not in text, text
	print('ok - auth_file logs in whom its file names, and nobody else')


main()
