# SPDX-License-Identifier: MIT
"""The statements about rosters and subscriptions, the server itself, and values. README.md describes them in this order."""
import base64
import datetime
import hashlib
import os
import re
import shlex
import time

from . import client, match, script, stream
from .world import NO, pattern_of, step, unescape

STATES = {
	'None': '', 'None + Pending Out': 'subscribe>', 'None + Pending In': '<subscribe',
	'None + Pending Out+In': 'subscribe> <subscribe', 'To': 'subscribe> <subscribed',
	'To + Pending In': 'subscribe> <subscribed <subscribe', 'From': '<subscribe subscribed>',
	'From + Pending Out': '<subscribe subscribed> subscribe>',
	'Both': 'subscribe> <subscribed <subscribe subscribed>',
}


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


@step(r'ctl "(?P<command>.*?)"(?: with input "(?P<given>[^"]*)")? exits (?P<code>\d+)(?: and (?P<last>at last )?(?P<prints>prints|does not print))?')
def ctl(world, command, given, code, last, prints, block):
	end = now() + world.timeout
	while True:
		why = run_ctl(world, command, given, code, prints, block)
		if why is None:
			return
		if not last or now() > end:
			raise client.Failure(why)
		stream.pump_all(world.streams(), 0.02)


def run_ctl(world, command, given, code, prints, block):
	"""What is not as it shall be, or None."""
	arguments = shlex.split(world.substitute(command))
	done = world.server.ctl(arguments, unescape(given) if given is not None else None)
	output = done.stdout + done.stderr
	if done.returncode != int(code):
		return 'coupletctl %s exits %d, expected %s:\n%s' % (command, done.returncode, code, output)
	for line in block.split('\n') if prints else ():
		regex = re.sub(r'\\\{any\\\}', '.*', re.escape(world.substitute(line.strip())))
		regex = re.sub(r'(?:\\ )+', r'\\s+', regex)
		regex = re.sub(r'\\\{\\\$(\w+)\\\}', r'(?P<\1>\\S+)', regex)
		found = re.search(regex, output)
		if found:
			world.names.update(found.groupdict())
		if bool(found) != (prints == 'prints'):
			return 'coupletctl %s: expected%s in the output: %s\nthe output:\n%s' % (
				command, '' if prints == 'prints' else ' not', line, output)
	return None


@step(r'configuration changes')
def configuration_changes(world, block):
	world.runner.script.settings.update(script.read_keys(world.substitute(block)))
	world.server.write_config()


@step(r'file (?P<name>[\w.-]+) is')
def file_is(world, name, block):
	"""In the temporary directory of the server."""
	with open(os.path.join(world.server.directory, name), 'w', encoding='utf-8') as file:
		file.write(world.substitute(block) + '\n')


@step(r'log expects "(?P<text>.*)"', quiet=True)
def log_expects(world, text, block):
	world.expected_log.append(text)


@step(r'log never has "(?P<text>.*)"')
def log_never_has(world, text, block):
	"""In the whole run of the server; best when it has stopped, since its log is written by a thread."""
	text = world.substitute(text)
	for line in world.runner.server.log_since(0).splitlines():
		if text in line:
			raise client.Failure('the log has %r: %s' % (text, line))


@step(r'log has "(?P<text>.*)"')
def log_has(world, text, block):
	"""Sooner or later: the log is written by a thread."""
	text = world.substitute(text)
	end = now() + world.timeout
	while text not in world.runner.server.log_since(0):
		if now() > end:
			raise client.Failure('the log does not have %r' % text)
		time.sleep(0.01)


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


def form_text(form):
	"""XEP-0115, 5.1, points 6 and 7: FORM_TYPE, then the fields by name with their values in order."""
	data = 'jabber:x:data'
	fields = {f.attrs['var']: sorted(v.text() for v in f.find_all(data, 'value')) for f in form.find_all(data, 'field')}
	text = fields.pop('FORM_TYPE')[0] + '<'
	for var in sorted(fields):
		text += var + '<' + ''.join(value + '<' for value in fields[var])
	return text


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
	text += ''.join(sorted(form_text(form) for form in query.find_all('jabber:x:data', 'x')))
	digest = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
	if caps.attrs.get('hash') != 'sha-1' or digest != ver:
		raise client.Failure("ver is '%s' (%s), computed '%s' from %s" % (ver, caps.attrs.get('hash'), digest, text))
