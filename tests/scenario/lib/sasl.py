# SPDX-License-Identifier: MIT
"""The client's side of SCRAM (RFC 5802, RFC 7677), with the faults that a script may ask for."""
import base64
import hashlib
import hmac
import os


def b64(data):
	return base64.b64encode(data).decode() if data else '='


class Failure(Exception):
	"""What the server answered does not hold."""


class Scram:
	"""One exchange. faults: a set of 'proof', 'nonce', 'binding' that are to be wrong."""

	def __init__(self, mechanism, username, password, authzid='', flag='n', binding=b'', faults=()):
		self.hash = {'SHA-1': hashlib.sha1, 'SHA-256': hashlib.sha256, 'SHA-512': hashlib.sha512}[
			mechanism.replace('SCRAM-', '').replace('-PLUS', '')]
		self.password, self.binding, self.faults = password.encode(), binding, faults
		name = username.replace('=', '=3D').replace(',', '=2C')
		self.gs2 = '%s,%s,' % (flag, 'a=' + authzid if authzid else '')
		self.nonce = base64.b64encode(os.urandom(18)).decode()
		self.first_bare = 'n=%s,r=%s' % (name, self.nonce)
		self.salt = self.rounds = self.server_signature = None

	def first(self):
		return (self.gs2 + self.first_bare).encode()

	def final(self, challenge):
		"""The client's last message in answer to the server's first."""
		fields = dict(part.split('=', 1) for part in challenge.decode().split(','))
		if not fields['r'].startswith(self.nonce) or fields['r'] == self.nonce:
			raise Failure('the nonce of the server does not extend that of the client: %s' % challenge)
		self.salt, self.rounds = fields['s'], int(fields['i'])
		if self.rounds < 4096:
			raise Failure('%d rounds are fewer than RFC 7677, 4 demands' % self.rounds)
		nonce = fields['r'] + ('x' if 'nonce' in self.faults else '')
		bound = self.gs2.encode() + (b'wrong' if 'binding' in self.faults else self.binding)
		bare = 'c=%s,r=%s' % (b64(bound), nonce)
		message = ','.join((self.first_bare, challenge.decode(), bare)).encode()
		name = self.hash().name
		salted = hashlib.pbkdf2_hmac(name, self.password, base64.b64decode(self.salt), self.rounds)
		client_key = hmac.digest(salted, b'Client Key', name)
		signature = hmac.digest(self.hash(client_key).digest(), message, name)
		proof = bytes(a ^ b for a, b in zip(client_key, signature))
		if 'proof' in self.faults:
			proof = bytes([proof[0] ^ 1]) + proof[1:]
		self.server_signature = hmac.digest(hmac.digest(salted, b'Server Key', name), message, name)
		return ('%s,p=%s' % (bare, b64(proof))).encode()

	def verify(self, success):
		"""RFC 5802, 3: the client must see the server's signature."""
		fields = dict(part.split('=', 1) for part in success.decode().split(','))
		if base64.b64decode(fields.get('v', '')) != self.server_signature:
			raise Failure('the signature of the server is wrong: %s' % success)
