#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two manual pages made from the public headers: couplet-events(7) and couplet-api(3). `tests/lint/pages.py --update` writes them; without it, the program
says which differ from what the headers say now. tests/lint/run does the same, by checks.py."""
import os
import re
import sys
import textwrap

HEADERS = 'plugins-api/couplet/'
EVENTS, API = 'man/couplet-events.7', 'man/couplet-api.3'
# From what everything needs to what few need; a header that is not named comes at the end.
ORDER = 'module event stanza session jid call option command store service service-roster service-archive blocklist service-tls conn str memory list map time log error'.split()
WIDTH = 78
TYPE = re.compile(r'(struct|enum|union)(?:\s+(\w+))?\s*\{(.*)\}\s*(\w*)\s*;?$', re.S)


class Item:
	"""One thing that a header declares: kind (function, type, macro, variable or section), name, C text, comment, line."""

	def __init__(self, kind, name, text, comment, line, joins):
		self.kind, self.name, self.text, self.comment, self.line = kind, name, text, comment, line
		self.joins = joins   # no comment of its own and no blank line before it: the comment above speaks for it, too


# ---- reading ----

def inside(comment):
	"""The text of a comment without its marks; indentation within it stays."""
	lines = [re.sub(r'^\s*\*? ?', '', line) if number else line for number, line in enumerate(comment[2:-2].split('\n'))]
	return '\n'.join(line.rstrip() for line in lines).strip()


def plain(text):
	"""C without comments, in one line."""
	return ' '.join(re.sub(r'/\*.*?\*/', ' ', text, flags=re.S).split())


def declaration_end(text, at):
	"""Where a declaration ends: behind its semicolon, or behind the body of a function."""
	depth = 0
	while at < len(text):
		if text.startswith('/*', at):
			at = text.index('*/', at) + 2
			continue
		if text[at] in '({[':
			depth += 1
		elif text[at] in ')}]':
			depth -= 1
			if depth == 0 and text[at] == '}' and not re.match(r'\s*\w*\s*;', text[at + 1:]):
				return at + 1
		elif text[at] == ';' and depth == 0:
			return at + 1
		at += 1
	raise ValueError('a declaration without an end: ' + text[at - 60:at])


def judge(text):
	"""(kind, name, C text) of a declaration; kind None for what is no part of the reference."""
	flat = plain(text)
	if flat.startswith(('_Static_assert', 'typedef', 'CPL_FROZEN(')) or re.match(r'(struct|enum|union) \w+;$', flat):
		return None, '', ''
	if flat.startswith('extern '):
		return 'variable', re.search(r'(\w+);$', flat).group(1), flat[len('extern '):-1]
	if re.match(r'(struct|enum|union)\b[^()]*?\{', flat):
		match = TYPE.match(text.strip())
		return 'type', '%s %s' % (match.group(1), match.group(2)) if match.group(2) else '', text.strip()
	flat = re.sub(r'^static inline ', '', re.sub(r' ?\{.*\}$', ';', flat))
	flat = re.sub(r' ?__attribute__\(\(.*\)\)', '', flat)
	name = re.search(r'\b(\w+)\(', flat)
	return ('function', name.group(1), flat) if name else (None, '', '')


def read(text):
	"""(opening comment, items) of a header. What events.def makes of a header by including it is left out."""
	text = re.sub(r'^#define CPL_(EVENT|FIRE_\w+|RETURN_\w+)\b(?:[^\n]*\\\n)*[^\n]*\n', lambda m: '\n' * m.group(0).count('\n'), text, flags=re.M)
	text = re.sub(r'^\ttypedef[^\n]*$|^#include <couplet/events.def>$|^#define COUPLET_\w+_H$', '', text, flags=re.M)
	opening, items, at, pending, blank = None, [], 0, None, True
	while at < len(text):
		rest = text[at:]
		line = text.count('\n', 0, at) + 1
		space = re.match(r'\s+', rest)
		if space:
			if space.group(0).count('\n') > 1:
				blank = True
				if pending and items:
					items.append(Item('note', '', '', pending[0], pending[1], False))
				pending = None if items or opening is not None else pending
			at += space.end()
			continue
		if rest.startswith('/*'):
			end = rest.index('*/') + 2
			said = inside(rest[:end])
			at += end
			if said.startswith('SPDX'):
				continue
			section = re.match(r'-+ (.*?) -+$', said, re.S)
			if opening is None:
				opening = said
			elif section:
				items.append(Item('section', '', '', section.group(1), line, False))
			else:
				pending = (said, line)
			blank = False
			continue
		if rest.startswith('#define'):
			end = re.match(r'(?:[^\n]*\\\n)*[^\n]*', rest).end()
			macro = re.match(r'#define (\w+)(\([^)]*\))?\s*([^\\\n]*)', rest[:end])
			kind, name, said = 'macro', macro.group(1), macro.group(1) + (macro.group(2) or '')
			if not macro.group(2) and re.match(r'[-\w()* +"]+(\s*/\*.*)?$', macro.group(3)):
				said += ' ' + plain(macro.group(3))
		elif rest.startswith('#'):
			at += re.match(r'(?:[^\n]*\\\n)*[^\n]*', rest).end()
			continue
		else:
			end = declaration_end(rest, 0)
			kind, name, said = judge(rest[:end])
		if kind:
			joins = bool(items) and not pending and not blank and items[-1].kind not in ('section', 'note')
			items.append(Item(kind, name, said, pending[0] if pending else '', line, joins))
		if kind or rest[0] == '#':
			pending = None
		blank = False
		at += end
	return opening or '', items


def members(text):
	"""(C text, comment) of the members of a struct or union, or of the names of an enumeration."""
	body = TYPE.match(text).group(3)
	ends = ',' if text.startswith('enum') else ';'
	found, said, start, depth, at = [], '', 0, 0, 0
	while at < len(body):
		if body.startswith('/*', at):
			end = body.index('*/', at) + 2
			comment = inside(body[at:end])
			if depth:
				pass
			elif found and not plain(body[start:at]) and '\n' not in body[start:at]:
				found[-1][1] = ' '.join((found[-1][1] + ' ' + comment).split()) if found[-1][1] else comment
				start = end
			elif plain(body[start:at]):
				found.append([plain(body[start:at]), comment])   # the last name of an enumeration has no comma
				said, start = '', end
			else:
				said, start = comment, end
			at = end
			continue
		if body[at] in '({[':
			depth += 1
		elif body[at] in ')}]':
			depth -= 1
		elif body[at] == ends and depth == 0:
			found.append([plain(body[start:at]), said])
			said, start = '', at + 1
		at += 1
	if plain(body[start:]):
		found.append([plain(body[start:]), said])
	return [(name, comment) for name, comment in found if name]


# ---- writing mdoc ----

def escaped(text):
	return text.replace('\\', '\\e')


def quoted(text):
	return '"%s"' % escaped(text).replace('"', '\\(dq')


def wrapped(text):
	lines = textwrap.wrap(escaped(text), WIDTH, break_long_words=False, break_on_hyphens=False)
	return ['\\&' + line if line[0] in ".'" else line for line in lines]


CALLED = re.compile(r'([("]*)(\w+)\(\)(?:/(\w+)\(\))?([.,;:)]*|\'s)$')


def filled(text):
	"""Lines of running text: one sentence a line, long ones wrapped, names of functions marked, no control character at the beginning."""
	lines, words = [], []
	for sentence in re.split(r'(?<=[\w)\]"\'][.!?:]) (?=[A-Z("])', ' '.join(text.split())):
		for word in sentence.split():
			called = CALLED.match(word)
			if not called:
				words.append(word)
				continue
			lines += wrapped(' '.join(words))
			words = []
			before, name, other, after = called.groups()
			lines.append('.%sFn %s%s%s' % ('Pf %s ' % before.replace('"', '\\(dq') if before else '', name, ' Ns / Ns Fn ' + other if other else '',
				" Ns 's" if after == "'s" else ''.join(' ' + mark for mark in after)))
		lines += wrapped(' '.join(words))
		words = []
	return lines


def literal(lines):
	lines = [escaped(line.expandtabs(8)) for line in lines]
	return ['.Bd -literal -offset indent'] + ['\\&' + line if line[:1] in ('.', "'") else line for line in lines] + ['.Ed']


def prose(text):
	"""mdoc of a comment: paragraphs, lists (an indented tag or number, then its text) and code (what else is indented)."""
	out, gap = [], False
	lines, at = text.split('\n'), 0
	while at < len(lines):
		if not lines[at]:
			gap, at = True, at + 1
			continue
		tag = re.match(r'( +)(\d+\.|\S+(?= {2,}\S))\s+(.*)', lines[at])
		if tag:
			out.append('.Bl -tag -width Ds')
			while tag:
				said, at = [tag.group(3)], at + 1
				while at < len(lines) and re.match(' ' * (len(tag.group(1)) + 1) + ' *\\S', lines[at]):
					said.append(lines[at])
					at += 1
				out += ['.It Sy ' + re.sub(r'\.$', r'\\&.', escaped(tag.group(2)))] + filled(' '.join(said))
				tag = re.match(r'( +)(\d+\.|\S+(?= {2,}\S))\s+(.*)', lines[at]) if at < len(lines) else None
			out.append('.El')
		elif lines[at].startswith('    '):
			code = []
			while at < len(lines) and (lines[at].startswith('    ') or not lines[at]):
				code.append(lines[at][4:])
				at += 1
			while not code[-1]:
				code.pop()
			out += literal(code)
		else:
			said = []
			while at < len(lines) and lines[at] and not re.match(r' {2,}\S', lines[at]):
				said.append(lines[at])
				at += 1
			out += (['.Pp'] if gap and out else []) + filled(' '.join(said))
		gap = False
	return out


def prototype(text):
	"""A prototype in lines that fit."""
	return textwrap.wrap(text, WIDTH - 12, subsequent_indent='    ', break_long_words=False, break_on_hyphens=False)


def listed_members(text):
	rows = members(text)
	if text.startswith('enum') and not any(comment for _name, comment in rows):
		return filled(', '.join(name for name, _comment in rows) + '.')
	out = ['.Bl -tag -width Ds -compact']
	for name, comment in rows:
		out += ['.It %s %s' % ('Dv' if text.startswith('enum') else 'Va', quoted(name))] + (prose(comment) if comment else [])
	return out + ['.El']


def reference(item):
	if item.kind == 'type':
		kind = item.text.split('{')[0].split()[0]
		return ['.It Vt %s' % quoted(item.name if item.name else kind)] + (prose(item.comment) + ['.Pp'] if item.comment else []) + \
			listed_members(item.text)
	return ['.It %s %s' % ('Va' if item.kind == 'variable' else 'Dv', quoted(item.text))] + prose(item.comment)


def groups(items):
	"""Functions that share a comment together, everything else by itself. A comment above a type that a function follows at once is the function's."""
	found = []
	for at, item in enumerate(items):
		above = at
		while items[above].joins and items[above - 1].kind in ('type', 'macro'):
			above -= 1
		if item.kind == 'function' and above < at and items[above].comment:
			item.comment, item.joins, items[above].comment = items[above].comment, False, ''
		if item.joins and found and item.kind == 'function' and found[-1][-1].kind == 'function':
			found[-1].append(item)
		else:
			found.append([item])
	return found


def describe(items):
	"""The list of what a header declares."""
	out, is_open = [], False
	for group in groups(items):
		first = group[0]
		if first.kind in ('section', 'note'):
			out += (['.El'] if is_open else []) + ['.Pp'] + prose(first.comment[0].upper() + first.comment[1:] + ('' if first.comment[-1] in '.:' else '.'))
			is_open = False
			continue
		if not is_open:
			out.append('.Bl -tag -width Ds')
			is_open = True
		if first.kind != 'function':
			out += reference(first)
			continue
		out.append('.It ' + ' , '.join('Fn ' + item.name for item in group))
		out.append('.Bd -literal -compact')
		for item in group:
			out += prototype(item.text)
		out += ['.Ed'] + prose(first.comment)
	return out + (['.El'] if is_open else [])


def head(name, section, says):
	return ['.\\" SPDX-License-Identifier: MIT', '.\\" Made from the public headers by tests/lint/pages.py --update.', '.Dd January 31, 2026',
		'.Dt %s %s' % (name.upper(), section), '.Os', '.Sh NAME', '.Nm %s' % name, '.Nd %s' % says]


def header_names(files):
	names = [path[len(HEADERS):-2] for path in files if path.startswith(HEADERS) and path.endswith('.h')]
	return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


def api_page(files):
	out = head('couplet-api', 3, 'functions and types for modules of the XMPP server couplet')
	out += ['.Sh SYNOPSIS', '.In couplet/module.h', '.Sh DESCRIPTION']
	out += filled('A module includes one header, which includes the others. What follows is what they say, header by header; a function without '
		'words of its own is described together with the one above it.')
	out += ['.Pp', 'The life of a module is in', '.Xr couplet-module 7 ,', 'the events are in', '.Xr couplet-events 7 .']
	for name in header_names(files):
		opening, items = read(files[HEADERS + name + '.h'])
		out += ['.Ss In couplet/%s.h' % name] + prose(opening) + (['.Pp'] if items and items[0].kind not in ('section', 'note') else []) + describe(items)
	out += ['.Sh SEE ALSO', '.Xr couplet-events 7 ,', '.Xr couplet-module 7']
	return finish(out)


EVENT = re.compile(r'^CPL_EVENT\((\w+), (\w+), (\w+), (\w+), "([^"]*)", "((?:[^"\\]|\\.)*)"\)', re.M)


def events_page(files):
	opening, items = read(files[HEADERS + 'event.h'])
	types = {item.name: item for item in items if item.kind == 'type'}
	reverse = re.search(r'events of teardown \(([^)]*)\)', opening)
	backwards = reverse.group(1).split(', ') if reverse else []
	out = head('couplet-events', 7, 'events of the XMPP server couplet')
	out += ['.Sh DESCRIPTION'] + prose(opening)
	out += ['.Pp', 'Which handlers an event has, in the order in which they run, is shown by', '.Nm coupletctl Cm events Ar event .',
		'A module fires an event with', '.Fn cpl_fire_NAME host payload ,', 'or with', '.Fn cpl_fire_NAME host payload done', 'where it may be suspended.',
		'.Sh EVENTS', '.Bl -tag -width Ds']
	used = []
	for name, payload, flow, suspend, since, sentence in EVENT.findall(files[HEADERS + 'events.def']):
		used += [payload] if payload not in used else []
		out += ['.It Sy ' + name] + filled(sentence.replace('\\"', '"')) + ['.Pp', 'Flow', '.Cm %s%s ;' % (
			flow, '' if suspend == 'PLAIN' else ' , may be suspended'), 'payload', '.Vt "struct cpl_ev_%s" ;' % payload] + (
			['handlers run in reverse order;'] if name in backwards else []) + ['since %s.' % since]
	out += ['.El', '.Sh PAYLOADS']
	out += filled('A payload is made by the core and may grow at the end. The handler gets a pointer to it that is valid while it runs, and for an event that it '
		'has suspended until it resumes it.')
	out += ['.Bl -tag -width Ds']
	for name in ['struct cpl_event'] + ['struct cpl_ev_' + payload for payload in used]:
		out += reference(types[name])
	out += ['.El', '.Sh ANSWERS, STAGES, TARGETS', '.Bl -tag -width Ds']
	for name in ('enum cpl_flow', 'enum cpl_answer', 'enum cpl_stage', 'enum cpl_target'):
		out += reference(types[name])
	out += ['.El', '.Sh SEE ALSO', '.Xr couplet-api 3 ,', '.Xr couplet-module 7 ,', '.Xr coupletctl 8']
	return finish(out)


def finish(lines):
	"""No paragraph break where mdoc makes one by itself."""
	kept = []
	for line in lines:
		if line == '.Pp' and kept and re.match(r'\.(Ss|Sh|Pp)\b', kept[-1]):
			continue
		if kept and kept[-1] == '.Pp' and re.match(r'\.(Ss|Sh|El|It|Pp|Bd -literal -offset|Bl -tag -width Ds$)', line):
			kept.pop()
		kept.append(line)
	return '\n'.join(kept) + '\n'


def undocumented(files):
	"""(path, line, name) of public functions that no comment speaks for."""
	found = []
	for name in header_names(files):
		for group in groups(read(files[HEADERS + name + '.h'])[1]):
			if group[0].kind == 'function' and not group[0].comment:
				found += [(HEADERS + name + '.h', item.line, item.name) for item in group]
	return found


def made(files):
	return {EVENTS: events_page(files), API: api_page(files)}


def main():
	source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
	files, status = {}, 0
	for name in sorted(os.listdir(os.path.join(source, HEADERS))):
		with open(os.path.join(source, HEADERS, name), encoding='utf-8') as file:
			files[HEADERS + name] = file.read()
	for path, text in made(files).items():
		full = os.path.join(source, path)
		if sys.argv[1:] == ['--update']:
			with open(full, 'w', encoding='utf-8') as file:
				file.write(text)
		elif not os.path.exists(full) or open(full, encoding='utf-8').read() != text:
			print('%s differs from the public headers: run tests/lint/pages.py --update' % path)
			status = 1
	for path, line, name in undocumented(files):
		print('%s:%d: %s has no comment' % (path, line, name))
		status = 1
	return status


if __name__ == '__main__':
	sys.exit(main())
