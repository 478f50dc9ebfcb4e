# SPDX-License-Identifier: MIT
"""profanity: a client for terminals, built on libstrophe."""
import contextlib

from person import Person
from screen import Screen
from stage import Failed


async def test_two_of_them(stage):
	"""They subscribe to each other, see each other online, chat, and see the other go."""
	with contextlib.closing(Screen(stage, stage.account('romeo'))) as romeo, \
			contextlib.closing(Screen(stage, stage.account('juliet'))) as juliet:
		await romeo.log_in()
		await juliet.log_in()
		for asker, asked in ((romeo, juliet), (juliet, romeo)):
			asker.type('/sub request ' + asked.account[0])
			await asked.shows('(authorization|subscription) request')
			asked.type('/sub allow ' + asker.account[0])
			await asker.shows('Subscription received from ' + asked.account[0])
		romeo.type('/msg %s Good morrow' % juliet.account[0])
		await romeo.shows(r'(?m)^ %s.*\[online\].*\[TLS\]' % juliet.account[0])
		juliet.type('/msg %s Good night' % romeo.account[0])
		await juliet.shows('%s.*: Good morrow' % romeo.account[0])
		await juliet.shows(r'(?m)^ %s.*\[online\].*\[TLS\]' % romeo.account[0])
		await romeo.shows('%s.*: Good night' % juliet.account[0])
		await juliet.log_out()
		await romeo.shows(r'(?m)^ %s.*\[offline\].*\[TLS\]' % juliet.account[0])
		await romeo.log_out()


async def test_with_slixmpp(stage):
	"""Two different clients see each other online and chat; one goes, is written to, comes back and has the message."""
	account = stage.account('juliet')
	with contextlib.closing(Screen(stage, stage.account('romeo'))) as romeo:
		juliet = await Person(stage, account).log_in()
		await romeo.log_in()
		romeo.type('/roster add %s Juliet' % juliet.boundjid.bare)
		romeo.type('/sub request ' + juliet.boundjid.bare)
		await stage.eventually('juliet is asked', lambda: romeo.account[0] in juliet.subscribers)
		juliet.send_presence_subscription(pto=romeo.account[0], ptype='subscribed')
		juliet.send_presence_subscription(pto=romeo.account[0])
		await romeo.shows('(authorization|subscription) request')
		romeo.type('/sub allow ' + juliet.boundjid.bare)
		await stage.eventually('juliet sees romeo', lambda: juliet.online(romeo.account[0]))
		romeo.type('/msg %s Good morrow' % juliet.boundjid.bare)
		await romeo.shows(r'(?m)^ Juliet.*\[online\].*\[TLS\]')
		message = await juliet.reads('Good morrow')
		message.reply('Art thou not Romeo?').send()
		await romeo.shows('Juliet.*: Art thou not Romeo\\?')

		await juliet.log_out()
		await romeo.shows(r'(?m)^ Juliet.*\[offline\].*\[TLS\]')
		romeo.type('It is my lady')
		await romeo.shows('me: It is my lady')
		# Said while she is away: there is nobody to see it arrive, but his next word to the server is answered after it.
		romeo.type('/ping')
		romeo.type('/win 1')
		await romeo.shows('(?i)ping.*response|pong')
		juliet = await Person(stage, account).log_in()
		message = await juliet.reads('It is my lady')
		if message['delay']['stamp'] is None:
			raise Failed('no delay stamp: %s' % message)
		await juliet.log_out()
		await romeo.log_out()


async def test_message_while_away(stage):
	"""What slixmpp said while profanity was not there is on its screen with the time at which it was said."""
	romeo = await Person(stage, stage.account('romeo')).log_in()
	account = stage.account('juliet')
	romeo.send_message(mto=account[0], mbody='See how she leans her cheek', mtype='chat')
	await romeo['xep_0199'].ping('localhost')
	with contextlib.closing(Screen(stage, account)) as juliet:
		await juliet.log_in()
		juliet.type('/msg ' + romeo.boundjid.bare)
		await juliet.shows('%s.*: See how she leans her cheek' % romeo.boundjid.bare)
		await juliet.log_out()
	await romeo.log_out()


async def test_wrong_password(stage):
	jid, _password = stage.account('romeo')
	with contextlib.closing(Screen(stage, (jid, 'wrong'))) as romeo:
		await romeo.shows('Type \'/help\' to show complete help')
		romeo.type('/connect %s server 127.0.0.1 port %d tls trust' % (jid, stage.port))
		await romeo.shows('Enter password:')
		romeo.type('wrong')
		await romeo.shows('Login failed')
