# SPDX-License-Identifier: MIT
"""A person who uses slixmpp, unmodified."""
import asyncio
import ssl

import slixmpp

from stage import Failed


class Person(slixmpp.ClientXMPP):
	"""Logs in, remembers what arrives. Certificates are self-signed here, so they are not verified."""

	def __init__(self, stage, account, resource='slixmpp'):
		super().__init__('%s/%s' % (account[0], resource), account[1])
		self.stage = stage
		self.messages, self.subscribers, self.refused, self.ended = [], [], False, False
		self.started = asyncio.Event()
		self.ssl_context.check_hostname = False
		self.ssl_context.verify_mode = ssl.CERT_NONE
		self.auto_authorize = self.auto_subscribe = None
		for plugin in ('xep_0030', 'xep_0092', 'xep_0199', 'xep_0202', 'xep_0203'):
			self.register_plugin(plugin)
		self.add_event_handler('session_start', lambda _event: self.started.set())
		self.add_event_handler('message', self.messages.append)
		self.add_event_handler('presence_subscribe', lambda presence: self.subscribers.append(presence['from'].bare))
		self.add_event_handler('failed_auth', self.on_refused)
		self.add_event_handler('disconnected', self.on_end)

	def on_refused(self, _event):
		self.refused = True

	def on_end(self, _event):
		self.ended = True

	async def log_in(self, direct=False):
		"""TLS and SASL, the resource, the roster, the first presence."""
		await self.log_in_quietly(direct)
		await self.get_roster()
		self.send_presence()
		await self.stage.eventually('%s sees its own presence' % self.boundjid,
			lambda: self.boundjid.resource in self.client_roster.presence(self.boundjid.bare))
		return self

	async def log_in_quietly(self, direct=False):
		if direct:
			self.connect(('127.0.0.1', self.stage.direct_port), use_ssl=True)
		else:
			self.connect(('127.0.0.1', self.stage.port))
		await self.stage.eventually('%s is logged in' % self.boundjid, lambda: self.started.is_set() or self.ended)
		if not self.started.is_set():
			raise Failed('%s cannot log in: %s' % (self.boundjid, 'refused' if self.refused else 'disconnected'))
		return self

	async def log_out(self):
		self.disconnect()
		await self.stage.eventually('%s is disconnected' % self.boundjid, lambda: self.ended)

	def online(self, contact):
		"""The resources of a contact that are available to us."""
		return self.client_roster.presence(contact)

	async def befriend(self, other):
		"""Both subscribe to each other's presence."""
		mine, its = self.boundjid.bare, other.boundjid.bare
		for asker, asked in ((self, other), (other, self)):
			asker.send_presence_subscription(pto=asked.boundjid.bare)
			await self.stage.eventually('%s is asked' % asked.boundjid, lambda: asker.boundjid.bare in asked.subscribers)
			asked.send_presence_subscription(pto=asker.boundjid.bare, ptype='subscribed')
		await self.stage.eventually('both are subscribed', lambda: self.client_roster[its]['subscription'] == 'both' and
			other.client_roster[mine]['subscription'] == 'both')

	async def reads(self, body, seconds=60):
		"""The message with this body."""
		return await self.stage.eventually('%s reads "%s"' % (self.boundjid, body),
			lambda: next((m for m in self.messages if m['body'].strip() == body), None), seconds)
