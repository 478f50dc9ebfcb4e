# SPDX-License-Identifier: MIT
"""Reads a script: settings of the server first, then scenarios made of statements. README.md has the language."""
import re
import textwrap


class ScriptError(Exception):
	"""The script itself is wrong."""


class Statement:
	"""One statement: its text, the dedented block below it, and its line."""

	def __init__(self, text, block, line):
		self.text, self.block, self.line = text, block, line


class Scenario:
	def __init__(self, title, line):
		self.title, self.line = title, line
		self.statements = []
		self.accounts = {}       # (local part, host) -> password
		self.absent = set()      # local parts that are renamed, too, but get no account
		self.suffix = ''

	def rename(self, text):
		"""Gives the accounts of this scenario the names that they have on the server: romeo@ becomes romeo7@."""
		for name in {local for local, _host in self.accounts} | self.absent:
			text = re.sub(r'(?:(?<![\w.-])|(?<=\\[nrt0]))(%s)(?=@)' % re.escape(name), r'\g<1>' + self.suffix, text, flags=re.I)
			text = text.replace('{user %s}' % name, name + self.suffix)
			text = text.replace('{USER %s}' % name, (name + self.suffix).upper())
		return text


class Script:
	def __init__(self, path):
		self.path = path
		self.settings = {}       # top-level key of the configuration -> its text
		self.hosts = ['localhost']
		self.listeners = {'c2s': ''}
		self.barrier = True
		self.examples = []       # modules of plugins-api/examples that the server shall find
		self.scenarios = []


SCENARIO = re.compile(r'scenario:\s*(.*)')
ACCOUNT = re.compile(r'(?:\w+ (?:connects|authenticates) as|account) ([^@\s]+)@([^/\s]+)')
PASSWORD = re.compile(r'^account \S+ with password "([^"]*)"')


def statements_of(path):
	found = []
	with open(path, encoding='utf-8') as lines:
		for number, line in enumerate(lines, 1):
			line = line.rstrip('\n')
			if line.startswith('#') or (not line.strip() and not (found and found[-1].block)):
				continue
			if line[:1] in (' ', '\t') or not line.strip():
				if not found:
					raise ScriptError('%s:%d: an indented block with no statement above' % (path, number))
				found[-1].block += line + '\n'
			else:
				found.append(Statement(line.rstrip(), '', number))
	for statement in found:
		statement.block = textwrap.dedent(statement.block).rstrip('\n')
	return found


def read_keys(block):
	"""A piece of configuration as top-level key -> its text."""
	found, key = {}, None
	for line in block.split('\n'):
		if line[:1] not in (' ', '\t'):
			key = line.split(':')[0]
			found[key] = ''
		found[key] += line + '\n'
	return found


def read_settings(script, statement):
	text = statement.text
	if text == 'server:':
		script.settings.update(read_keys(statement.block))
	elif text.startswith('hosts:'):
		script.hosts = text.split(':', 1)[1].split()
	elif text.startswith('listener '):
		name, _, options = text[len('listener '):].partition(':')
		script.listeners[name.strip()] = options.strip()
	elif text.startswith('example '):
		script.examples.append(text[len('example '):].strip())
	elif text == 'barrier: off':
		script.barrier = False
	else:
		raise ScriptError('%s:%d: unknown setting: %s' % (script.path, statement.line, text))


def rows_of(statement, path):
	lines = [line.strip().strip('|').split('|') for line in statement.block.split('\n') if line.strip()]
	names = [cell.strip() for cell in lines[0]]
	for cells in lines[1:]:
		if len(cells) != len(names):
			raise ScriptError('%s:%d: a row with %d cells instead of %d: %s' % (
				path, statement.line, len(cells), len(names), cells))
		yield dict(zip(names, (cell.strip() for cell in cells)))


def fill(text, row):
	return re.sub(r'<([a-z][a-z0-9 \']*)>', lambda m: row.get(m.group(1), m.group(0)), text)


def expand(scenario, path):
	"""A scenario with a table becomes one scenario for each row."""
	if not scenario.statements or scenario.statements[0].text != 'for each':
		return [scenario]
	made = []
	for row in rows_of(scenario.statements[0], path):
		copy = Scenario(fill(scenario.title, row), scenario.line)
		for s in scenario.statements[1:]:
			text = fill(s.text, row).strip()
			if text:
				copy.statements.append(Statement(text, fill(s.block, row), s.line))
		made.append(copy)
	return made


def find_accounts(scenario):
	for statement in scenario.statements:
		found = ACCOUNT.match(statement.text)
		if found and '{' not in found.group(1):
			password = PASSWORD.match(statement.text)
			key = (found.group(1), found.group(2))
			if statement.text.startswith('account') or key not in scenario.accounts:
				scenario.accounts.setdefault(key, 'password')
				if password:
					scenario.accounts[key] = password.group(1)
	for statement in scenario.statements:
		missing = re.match(r'no account (\S+)@(\S+)', statement.text)
		if missing:
			scenario.accounts.pop((missing.group(1), missing.group(2)), None)
			scenario.absent.add(missing.group(1))


def read(path):
	script = Script(path)
	current = None
	for statement in statements_of(path):
		title = SCENARIO.fullmatch(statement.text)
		if title:
			current = Scenario(title.group(1), statement.line)
			script.scenarios.append(current)
		elif current:
			current.statements.append(statement)
		else:
			read_settings(script, statement)
	script.scenarios = [made for scenario in script.scenarios for made in expand(scenario, path)]
	for number, scenario in enumerate(script.scenarios, 1):
		scenario.suffix = str(number)
		find_accounts(scenario)
	return script
