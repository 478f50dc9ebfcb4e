# SPDX-License-Identifier: MIT
"""What the headers of the plugin API fix: sizes, offsets, types, values, names. Read from the preprocessed headers, measured by a generated program."""
import os
import re
import subprocess
import tempfile

TOKEN = re.compile(r'\s+|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[A-Za-z_]\w*|\d\w*|\.\.\.|.', re.S)
TYPE_WORDS = set('void char short int long float double signed unsigned const volatile _Bool bool size_t ssize_t'.split())
# Values that rise when something is appended.
RISING = {'CPL_EVENT_COUNT', 'CPL_API_MINOR'}


class Unreadable(Exception):
	"""A declaration that this program does not understand."""


def preprocess(compiler, headers, flags=()):
	return subprocess.run([compiler, '-std=gnu11', '-E', *flags, '-I', headers, '-x', 'c', '-'], input='#include <couplet/module.h>\n', text=True,
		check=True, capture_output=True).stdout


def own_text(text):
	"""Without what other headers say."""
	out, own = [], False
	for line in text.splitlines():
		marker = re.match(r'# \d+ "([^"]*)"', line)
		if marker:
			own = '/couplet/' in marker.group(1)
		elif own and not line.startswith('#'):
			out.append(line)
	return '\n'.join(out)


def tokens_of(text):
	return [token for token in TOKEN.findall(text) if not token.isspace()]


CLOSING = {'(': ')', '{': '}', '[': ']'}


def group_end(tokens, at):
	"""Behind the group that begins at `at`."""
	depth, opening, closing = 0, tokens[at], CLOSING[tokens[at]]
	for i in range(at, len(tokens)):
		depth += (tokens[i] == opening) - (tokens[i] == closing)
		if depth == 0:
			return i + 1
	raise Unreadable(' '.join(tokens[at:at + 20]))


def split(tokens, separator):
	"""At the separators outside of brackets."""
	parts, part, at = [], [], 0
	while at < len(tokens):
		if tokens[at] in CLOSING:
			end = group_end(tokens, at)
			part += tokens[at:end]
			at = end
			continue
		if tokens[at] == separator:
			parts.append(part)
			part = []
		else:
			part.append(tokens[at])
		at += 1
	return parts + [part] if part else parts


def statements(tokens):
	"""Declarations and definitions of the top level."""
	out, one, at = [], [], 0
	while at < len(tokens):
		if tokens[at] in CLOSING:
			end = group_end(tokens, at)
			one += tokens[at:end]
			# A function's body ends its definition.
			if tokens[at] == '{' and ')' in one and one[-1] == '}' and '=' not in one and one[0] not in ('struct', 'union', 'enum', 'typedef') or (
					tokens[at] == '{' and one[0:1] == ['static']):
				out.append(one)
				one = []
			at = end
			continue
		if tokens[at] == ';':
			out.append(one)
			one = []
		else:
			one.append(tokens[at])
		at += 1
	return [one for one in out if one]


def without_attributes(tokens):
	out, at = [], 0
	while at < len(tokens):
		if tokens[at] in ('__attribute__', '__extension__', 'extern'):
			at = group_end(tokens, at + 1) if tokens[at] == '__attribute__' else at + 1
		else:
			out.append(tokens[at])
			at += 1
	return out


def is_name(token):
	return re.match(r'[A-Za-z_]\w*$', token) is not None


def unnamed(tokens):
	"""A parameter's type, without its name; function pointers in it included."""
	for i, token in enumerate(tokens):
		if token == '(' and tokens[i + 1] == '*':
			end = group_end(tokens, i)
			return tokens[:i] + ['(', '*', ')'] + parameters(tokens[end + 1:group_end(tokens, end) - 1])
	if len(tokens) > 1 and is_name(tokens[-1]) and tokens[-1] not in TYPE_WORDS and tokens[-2] not in ('struct', 'enum', 'union'):
		return tokens[:-1]
	if tokens[-1:] == [']']:
		at = len(tokens) - 1 - tokens[::-1].index('[')
		return unnamed(tokens[:at]) + tokens[at:]
	return tokens


def parameters(tokens):
	out = []
	for part in split(tokens, ','):
		out += (unnamed(part) + [','])
	return ['('] + out[:-1] + [')']


def members(tokens):
	"""(name, type) of each member."""
	for declaration in split(tokens, ';'):
		inner = declaration.index('{') if '{' in declaration else None
		if inner is not None:
			# An enum or struct of its own: its values are seen elsewhere.
			end = group_end(declaration, inner)
			declaration = declaration[:inner] + declaration[end:]
		parts = split(declaration, ',')
		first = parts[0]
		base = None
		for part in parts:
			if base is not None:
				part = base + part
			pointer = next((i for i, token in enumerate(part) if token == '(' and part[i + 1] == '*'), None)
			if pointer is not None:
				end = group_end(part, pointer)
				name = part[pointer + 2]
				yield name, part[:pointer] + ['(', '*', ')'] + parameters(part[end + 1:group_end(part, end) - 1])
				continue
			array = part.index('[') if '[' in part else len(part)
			name = part[array - 1]
			yield name, part[:array - 1] + part[array:]
			if base is None:
				base = [token for token in first[:array - 1] if token != '*']


def text(tokens):
	return re.sub(r' ([,)\]])', r'\1', re.sub(r'([(\[*]) ', r'\1', ' '.join(tokens)))


class Interface:
	"""What one version of the headers declares."""

	def __init__(self, compiler, headers):
		self.compiler, self.headers = compiler, headers
		self.structs, self.enumerators, self.functions, self.objects, self.types = {}, [], {}, {}, {}
		for statement in statements(tokens_of(own_text(preprocess(compiler, headers)))):
			self.take(without_attributes(statement))
		self.constants = self.constant_macros()

	def take(self, statement):
		self.take_enums(statement)
		if statement[0] in ('struct', 'union') and len(statement) > 2 and statement[2] == '{':
			self.structs[(statement[0], statement[1])] = list(members(statement[3:group_end(statement, 2) - 1]))
		elif statement[0] == 'typedef':
			at = statement.index('(')
			self.types[statement[at - 1]] = text(statement[1:at - 1] + parameters(statement[at + 1:-1]))
		elif statement[0] not in ('static', '_Static_assert') and (len(statement) > 2 and '{' not in statement or '(' in statement):
			self.take_name(statement)

	def take_enums(self, statement):
		for i, token in enumerate(statement):
			if token == 'enum' and '{' in statement[i + 1:i + 3]:
				at = statement.index('{', i)
				self.enumerators += [part[0] for part in split(statement[at + 1:group_end(statement, at) - 1], ',')]

	def take_name(self, statement):
		if '(' in statement:
			at = statement.index('(')
			self.functions[statement[at - 1]] = text(statement[:at - 1] + parameters(statement[at + 1:group_end(statement, at) - 1]))
		elif len(statement) > 1:
			self.objects[statement[-1]] = text(statement[:-1])

	def constant_macros(self):
		found = []
		for line in preprocess(self.compiler, self.headers, ['-dM']).splitlines():
			match = re.match(r'#define (CPL_\w+) (.+)$', line)
			if match and re.fullmatch(r'[\s\d()+*<|\w]+', match.group(2)) and re.search(r'\d', match.group(2)):
				found.append(match.group(1))
		return sorted(found)

	def program(self):
		"""C that prints the lines that the compiler knows best."""
		out = ['#include <couplet/module.h>', '#include <stdio.h>', 'int main(void)', '{']
		for (kind, name), fields in sorted(self.structs.items()):
			out.append('\tprintf("%s %s size %%zu align %%zu\\n", sizeof(%s %s), _Alignof(%s %s));' % ((kind, name) * 3))
			for field, of in fields:
				flexible = of[-2:] == ['[', ']']
				size = '(size_t)0' if flexible else 'sizeof(((%s %s *)0)->%s)' % (kind, name, field)
				out.append('\tprintf("%s %s . %s offset %%zu size %%zu type %s\\n", offsetof(%s %s, %s), %s);' % (
					kind, name, field, text(of), kind, name, field, size))
		for name in sorted(set(self.enumerators)) + self.constants:
			out.append('\tprintf("value %s %%lld\\n", (long long)%s);' % (name, name))
		return '\n'.join(out + ['\treturn 0;', '}', ''])

	def lines(self):
		with tempfile.TemporaryDirectory() as folder:
			path = os.path.join(folder, 'measure')
			subprocess.run([self.compiler, '-std=gnu11', '-I', self.headers, '-x', 'c', '-', '-o', path], input=self.program(), text=True, check=True)
			measured = subprocess.run([path], check=True, capture_output=True, text=True).stdout.splitlines()
		return measured + ['function %s %s' % item for item in sorted(self.functions.items())] + [
			'object %s %s' % item for item in sorted(self.objects.items())] + ['type %s %s' % item for item in sorted(self.types.items())]


def exports(program):
	"""The names that the program shows to modules."""
	out = subprocess.run(['nm', '-D', '--defined-only', '--format=posix', program], check=True, capture_output=True, text=True).stdout
	return {line.split()[0] for line in out.splitlines() if line.startswith('cpl_')}


def frozen(headers):
	"""Structs that CPL_FROZEN() names."""
	found = set()
	for name in sorted(os.listdir(os.path.join(headers, 'couplet'))):
		with open(os.path.join(headers, 'couplet', name), encoding='utf-8') as file:
			found |= set(re.findall(r'^CPL_FROZEN\((\w+),', file.read(), re.M))
	return found


def compare(before, now, fixed):
	"""What of `before` is not there any more, or not as it was. `fixed`: structs that may not even grow."""
	found, known = [], {}
	for line in now:
		known[key_of(line)] = line
	for line in before:
		key = key_of(line)
		if key not in known:
			found.append('gone: ' + line)
		elif known[key] != line and not may_differ(key, line, known[key], fixed):
			found.append('was: %s\n    is:  %s' % (line, known[key]))
	return found


def key_of(line):
	words = line.split()
	return tuple(words[:4] if words[0] in ('struct', 'union') and words[2] == '.' else words[:2])


def may_differ(key, before, now, fixed):
	if key[0] == 'value' and key[1] in RISING:
		return int(now.split()[-1]) >= int(before.split()[-1])
	if key[0] in ('struct', 'union') and len(key) == 2 and key[1] not in fixed:
		return before.split()[5:] == now.split()[5:] and int(now.split()[3]) >= int(before.split()[3])
	return False
