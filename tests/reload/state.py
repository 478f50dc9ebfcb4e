# SPDX-License-Identifier: MIT
"""What a reload does to a module's state, what a reload that fails leaves alone, and what an unload frees: with the module of sample.c and one client."""
import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'scenario'))
from lib import client as scenario_client, match  # noqa: E402

HEADERS = os.path.join(HERE, '..', '..', 'plugins-api')
SAMPLE = 'urn:example:sample'
CAPS = 'http://jabber.org/protocol/caps'
DISCO = 'http://jabber.org/protocol/disco#info'
# KIND of sample.c, and what the reason says.
FAILURES = (
	('an undefined symbol', 3, 'undefined symbol: cpl_no_such_function'),
	('another major version of the API', 4, 'was built for version 2.'),
	('a newer minor version of the API', 5, 'needs version 1.99'),
	('an option that is not given', 6, 'key'),
	('an option that it refuses', 10, 'goes badly with the weather'),
	('a load() that fails', 7, 'the sample is out of order'),
	('a restore() that fails', 8, 'what was saved with schema 1 makes no sense'),
	('another struct of the same layout number', 9, 'slot seen_slot has another size'),
	('a file that is no module', None, 'sample: cannot be opened: file too short'),
)


class World:
	"""What a client of the scenarios wants to know of its world."""
	def __init__(self, server):
		self.server, self.all_streams, self.transcript, self.names = server, [], [], {}
		self.timeout = 10 * server.options.patience

	def port(self, listener):
		return self.server.ports[listener]

	def streams(self):
		return [one for one in self.all_streams if not one.ended]


def build(kind):
	"""The bytes of the module, made as anybody out of the tree would make it."""
	with tempfile.TemporaryDirectory() as folder:
		path = os.path.join(folder, 'sample.so')
		subprocess.run([os.environ.get('CC', 'cc'), '-std=gnu11', '-Wall', '-Werror', '-fPIC', '-shared', '-fvisibility=hidden', '-I', HEADERS,
			'-DKIND=%d' % kind, '-o', path, os.path.join(HERE, 'sample.c')], check=True)
		with open(path, 'rb') as file:
			return file.read()


def capabilities(server):
	"""The hash that a client sees which logs in now."""
	juliet = scenario_client.Client('juliet', World(server))
	juliet.connect()
	juliet.open('localhost')
	juliet.log_in('juliet', 'password')
	ver = juliet.features.find(CAPS, 'c').attrs['ver']
	juliet.stream.drop()
	return ver


class State:
	def __init__(self, server, demand):
		self.server, self.demand = server, demand
		self.count = 0    # requests so far: the module's own figure must agree
		server.import_accounts([(name, 'localhost', 'password') for name in ('romeo', 'juliet')])
		self.before = capabilities(server)   # without the module
		self.place(1)
		demand('sample 1.0 loaded on 1 host' in server.good('module', 'load', 'sample'), 'not loaded')
		self.romeo = scenario_client.Client('romeo', World(server))
		self.romeo.connect()
		self.romeo.open('localhost')
		self.romeo.log_in('romeo', 'password')
		self.romeo.bind('orchard')
		self.romeo.become_available(None)

	def eventually(self, condition, text):
		"""A former generation may need a moment to its end, the log a moment to be written."""
		for _ in range(200 * self.server.options.patience):
			if condition():
				return
			time.sleep(0.02)
		self.demand(False, text)

	def listed(self):
		return [row for row in self.server.table('module', 'list') if row['module'] == 'sample']

	def place(self, kind):
		"""Puts the file where the server looks for it, as install(1) does."""
		path = os.path.join(self.server.modules, 'sample.so')
		with open(path + '.new', 'wb') as file:
			file.write(build(kind) if kind else b'This is not a module.\n')
		os.rename(path + '.new', path)

	def ask(self, **wanted):
		"""A request; the answer must have these attributes."""
		self.count += 1
		found = self.romeo.ask("<count xmlns='%s'/>" % SAMPLE, to='localhost').find(SAMPLE, 'count').attrs
		wanted['all'] = wanted['session'] = str(self.count)
		self.demand(dict(found) == {key.rstrip('_'): str(value) for key, value in wanted.items()}, 'answered %s, not %s' % (dict(found), wanted))

	def unknown(self, *words):
		done = self.server.ctl(list(words))
		self.demand(done.returncode == 2 and 'there is no command' in done.stderr, 'coupletctl %s exits %d: %s%s' % (
			' '.join(words), done.returncode, done.stdout, done.stderr))

	def metrics(self):
		return [row['value'] for row in self.server.table('metrics') if row['metric'].startswith('couplet_sample_')]

	def features(self):
		query = self.romeo.ask("<query xmlns='%s'/>" % DISCO, to='localhost').find(DISCO, 'query')
		return {feature.attrs['var'] for feature in query.elements() if feature.name == 'feature'}

	def job(self):
		return next(row['state'] for row in self.server.table('jobs') if row['job'] == 'sample.sweep')

	def generation(self):
		return len(re.findall(r'sample \d unloads', self.server.log_since(0)))


def refused(state, kind, text):
	state.ask(kind=1)
	ver, before = capabilities(state.server), state.generation()
	state.place(kind)
	reason = state.server.refused('module', 'reload', 'sample')
	state.demand(text in reason, 'the reason is "%s", without "%s"' % (reason, text))
	state.server.forget('module could not be reloaded name=sample reason=' + re.sub(r'^coupletctl: sample: ', '', reason))
	# Nothing has changed: the requests, the command, the features, the state.
	state.ask(kind=1)
	state.demand(state.server.good('sample', 'count') == '%d of 1\n' % state.count, 'the command says something else')
	state.demand(capabilities(state.server) == ver and SAMPLE in state.features(), 'the features have changed')
	state.eventually(lambda: [row['state'] for row in state.listed()] == ['started'], 'not one generation is left, and started')
	state.demand(state.generation() <= before + 1, 'more than the refused one was unloaded')
	folder = os.path.join(state.server.directory, 'data', 'generations')
	state.demand(not os.path.isdir(folder) or not os.listdir(folder), 'a copy of the file is left')


def driver_refused(state):
	"""A storage driver opens its file before it takes over: when that fails, the former one goes on, and a later reload finds nothing in its way."""
	file = os.path.join(state.server.directory, 'data', 'couplet.sqlite')
	mode = os.stat(file).st_mode & 0o777
	os.chmod(file, 0o400)
	try:
		reason = state.server.refused('module', 'reload', 'sqlite')
	finally:
		os.chmod(file, mode)
	state.demand('couplet.sqlite cannot be opened for writing' in reason, 'the reason is "%s"' % reason)
	state.server.forget('module could not be reloaded name=sqlite reason=')
	state.server.import_accounts([('nurse', 'localhost', 'password')])
	alone = lambda: [row['state'] for row in state.server.table('module', 'list') if row['module'] == 'sqlite'] == ['started']
	state.eventually(alone, 'not one generation is left, and started')
	said = state.server.good('module', 'reload', 'sqlite')
	state.demand(said == 'sqlite 1.0 reloaded, generation 2\n', 'coupletctl says %r' % said)
	state.eventually(alone, 'not one generation is left, and started')
	state.server.import_accounts([('peter', 'localhost', 'password')])


def same_layout(state):
	"""The data stays where it is."""
	state.place(1)
	state.server.good('module', 'reload', 'sample')
	state.ask(kind=1)
	state.demand(state.server.good('sample', 'count') == '%d of 1\n' % state.count, 'the count was not handed over')
	state.demand(state.metrics() == [state.count], 'the metric has not gone on counting: %s of %d' % (state.metrics(), state.count))
	state.demand('sample 1 releases' not in state.server.log_since(0), 'the data was released')
	state.demand(state.job() == 'running', 'the job is %s' % state.job())


def other_layout(state):
	"""The data is migrated, the bag has another schema; a command and a feature come, a feature and a job go."""
	ver = capabilities(state.server)
	state.unknown('sample', 'again')
	state.place(2)
	state.server.good('module', 'reload', 'sample')
	had = state.count
	state.ask(kind=2, note='from layout 1', before=had)
	state.demand(state.server.good('sample', 'again') == '%d of 2\n' % state.count, 'the new command is not there')
	state.demand(state.features() & {SAMPLE, SAMPLE + ':2'} == {SAMPLE + ':2'}, 'the features are %s' % state.features())
	state.demand(capabilities(state.server) != ver, 'the hash of the capabilities is the same')
	state.ask(kind=2, note='from layout 1', before=had)
	state.demand('sample 1 releases' not in state.server.log_since(0), 'migrated data was released, too')
	state.eventually(lambda: state.job() == 'absent', 'the job is left')


def back_again(state):
	"""Without a migration the old code frees its data; the count goes over by the bag."""
	state.place(1)
	state.server.good('module', 'reload', 'sample')
	released = 'sample 2 releases count=%d' % state.count
	state.eventually(lambda: released in state.server.log_since(0), 'the old data was not released by the old code')
	found = state.romeo.ask("<count xmlns='%s'/>" % SAMPLE, to='localhost').find(SAMPLE, 'count').attrs
	state.count += 1
	state.demand(found['session'] == '1' and found['all'] == str(state.count), 'answered %s' % dict(found))
	state.demand(SAMPLE in state.features(), 'the feature is not back')
	state.demand(state.job() == 'running', 'the job is %s' % state.job())
	state.unknown('sample', 'again')


def unloaded(state):
	"""Everything goes: requests under way end, timers, data, command, feature, handler."""
	ident = state.romeo.request("<wait xmlns='%s'/>" % SAMPLE, to='localhost')
	state.eventually(lambda: state.server.status('suspended') == 1, 'nothing is suspended')
	ver, since = capabilities(state.server), state.server.log_size()
	state.demand(state.server.good('module', 'unload', 'sample') == 'sample 1.0 unloaded\n', 'not unloaded')
	answer = state.romeo.answer(ident)
	state.demand(answer.attrs['type'] == 'error' and answer.find(match.CLIENT, 'error').elements()[0].name == 'internal-server-error',
		'answered:\n' + answer.pretty())
	state.eventually(lambda: 'sample 1 unloads' in state.server.log_since(since), 'unload() was not called')
	log = state.server.log_since(since)
	state.demand(log.count('sample 1 has waited status=-7') == 1, 'the call did not end as cancelled, once:\n' + log)
	state.demand(log.count('sample 1 releases count=1') == 1, 'the data was not released once:\n' + log)
	state.demand(log.index('releases') < log.index('sample 1 unloads'), 'unload() came before the release of the data')
	state.eventually(lambda: not state.listed(), 'it is still listed')
	state.demand(all(row['module'] != 'sample' for row in state.server.table('events', 'pre_message')), 'a handler is left')
	state.unknown('sample', 'count')
	state.demand(state.metrics() == [], 'a metric is left')
	state.demand(state.job() == 'absent', 'the job is %s' % state.job())
	state.demand(not any(feature.startswith(SAMPLE) for feature in state.features()), 'a feature is left')
	state.demand(capabilities(state.server) not in (ver, ''), 'the hash of the capabilities is the same')
	refusal = state.romeo.answer(state.romeo.request("<count xmlns='%s'/>" % SAMPLE, to='localhost'))
	state.demand(refusal.attrs['type'] == 'error', 'somebody answers')
	state.demand(capabilities(state.server) == state.before, 'the hash is not the one from before the module')


def run(options, report, make_server, demand):
	server = make_server(options, 'sqlite')
	try:
		server.start()
		state = State(server, demand)
		for title, kind, text in FAILURES:
			report('a reload with %s changes nothing' % title, refused, state, kind, text)
		report('a reload of a storage driver that cannot open its file changes nothing', driver_refused, state)
		report('a reload keeps state and slots', same_layout, state)
		report('a reload with another layout migrates slots', other_layout, state)
		report('a reload without a migration frees slots with the old code', back_again, state)
		report('an unload takes everything back', unloaded, state)
		report('no warning was left in the log, and the server ends well', server.end)
	finally:
		server.remove()
