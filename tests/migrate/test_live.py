# SPDX-License-Identifier: MIT
"""Imports into a running server, with people connected."""
import asyncio
import unittest

import house
import persons

ITEM = "<item jid='%s@example.org' subscription='both'/>"
DATA = "<server-data xmlns='urn:xmpp:pie:0'><host jid='example.org'><user name='romeo'><query xmlns='jabber:iq:roster'>%s</query></user></host></server-data>"


class Live(unittest.TestCase):
	def test_a_changed_account_is_read_anew_and_others_notice_nothing(self):
		home = house.House()
		self.addCleanup(home.finish)
		for name in ('romeo', 'juliet'):
			home.adduser(name + '@example.org', persons.PASSWORDS[name])
		home.start()
		first, second = home.path('first.xml', DATA % (ITEM % 'juliet')), home.path('second.xml', DATA % (ITEM % 'nurse'))

		async def scene():
			async with persons.Person('juliet', home.port) as juliet:
				async with persons.Person('romeo', home.port) as romeo:
					self.assertEqual(persons.contacts(await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>")), [])
					counts = await asyncio.to_thread(home.move, first)
					self.assertEqual(counts[0]['contacts'], (1, 1, 0))
					# RFC 6120 4.9.3.16: his stream is reset.
					await asyncio.wait_for(romeo.ended.wait(), persons.SECONDS)
				async with persons.Person('romeo', home.port) as romeo:
					roster = await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>")
					self.assertEqual([item[0] for item in persons.contacts(roster)], ['juliet@example.org'])
					# The same again changes nothing: he stays.
					await asyncio.to_thread(home.move, first)
					await romeo.ask('get', "<query xmlns='jabber:iq:roster'/>")
				# Nobody of the account is connected, but it is still in memory.
				await asyncio.to_thread(home.move, second)
				async with persons.Person('romeo', home.port) as romeo:
					later = await romeo.ask('get', "<query xmlns='jabber:iq:roster' ver='%s'/>" % roster[0].get('ver'))
					self.assertEqual([item[0] for item in persons.contacts(later)], ['juliet@example.org', 'nurse@example.org'])
				await juliet.ask('get', "<query xmlns='jabber:iq:roster'/>")
		persons.run(scene())
		home.stop()
		with open(home.path('log'), encoding='utf-8') as log:
			self.assertEqual([line for line in log if line.split()[1] in ('warn', 'error')], [])
