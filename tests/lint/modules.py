#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""couplet-modules(5): a paragraph of each module is written by hand, what its descriptor declares is filled in between two marks.
    tests/lint/modules.py [--update] BUILD
BUILD is a folder in which `make check-built` has been run. tests/lint/run does the same."""
import glob
import os
import re
import subprocess
import sys

import pages

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = 'man/couplet-modules.5'
BEGIN, END = '.\\" %s: begin (made by tests/lint/modules.py --update)', '.\\" %s: end'


def describe(build):
	"""Module -> rows of its descriptor, for all modules of a build."""
	found = {}
	for path in sorted(glob.glob(os.path.join(build, 'modules', '*.la'))):
		name = os.path.basename(path)[:-3]
		lines = subprocess.run([os.path.join(build, 'tests/lint/describe'), os.path.join(build, 'modules/.libs', name + '.so'), name],
			capture_output=True, text=True, check=True).stdout.splitlines()
		found[name] = [line.split('\t') for line in lines]
	return found


def listed(entries):
	"""mdoc of a list in a sentence: each entry a macro line without its punctuation."""
	return [entry + (' ,' if number < len(entries) else ' .') for number, entry in enumerate(entries, 1)]


def url(text):
	return pages.quoted(text) if ' ' in text else text


def of_kind(rows, *kinds):
	return [row for row in rows if row[0] in kinds]


def block(rows):
	"""What is between the marks: one entry for each table that is not empty."""
	out = []
	if of_kind(rows, 'option'):
		out += ['.It Options'] + listed(['.Cm ' + row[1] for row in of_kind(rows, 'option')])[:-1]
		out += ['.Cm %s ;' % of_kind(rows, 'option')[-1][1], 'see', '.Xr couplet.yml 5 .']
	if of_kind(rows, 'event'):
		out += ['.It Events'] + listed(['.Sy %s Pq %s' % (row[1], row[2] + (' ' + row[3] if row[3] != '0' else '')) for row in of_kind(rows, 'event')])
	for kind, title in (('iq', 'IQ requests'), ('element', 'Elements of the stream')):
		if of_kind(rows, kind):
			out += ['.It ' + title, '.Bl -tag -width Ds -compact']
			for row in of_kind(rows, kind):
				out.append('.It Li ' + pages.quoted('<%s%s/>' % (row[1], " xmlns='%s'" % row[2] if row[2] else '')))
				out += pages.filled('%s to %s%s.' % (row[3], row[4], ', on sessions ' + row[5] if row[5] else '') if kind == 'iq' else 'on sessions %s.' % row[3])
			out.append('.El')
	if of_kind(rows, 'feature', 'identity'):
		out += ['.It Service discovery'] + listed(['.Li %s Pq %s' % (url(row[1]), row[2]) for row in of_kind(rows, 'feature', 'identity')])
	if of_kind(rows, 'store'):
		out.append('.It Stores')
		for _kind, name, kind, columns in of_kind(rows, 'store'):
			out += ['.Sy ' + name] + pages.filled('(%s): %s.' % (kind, columns))
	if of_kind(rows, 'command'):
		out += ['.It Commands', '.Bl -tag -width Ds -compact']
		for _kind, form, summary in of_kind(rows, 'command'):
			out += ['.It Cm ' + pages.quoted(form)] + pages.filled(summary)
		out.append('.El')
	if of_kind(rows, 'listen'):
		out += ['.It Listeners'] + listed(['.Cm %s Pq port %s' % (row[1], row[2]) for row in of_kind(rows, 'listen')])
	for kind, title in (('provide', 'Provides'), ('need', 'Needs'), ('want', 'Uses, if it is there')):
		if of_kind(rows, kind):
			out += ['.It ' + title, 'the service' + ('s' if len(of_kind(rows, kind)) > 1 else '')] + listed(['.Sy ' + row[1] for row in of_kind(rows, kind)])
	return ['.Bl -tag -width Ds'] + out + ['.El'] if out else []


def sections(text):
	"""Name -> lines of the subsection about a module."""
	found, name = {}, None
	for line in text.splitlines():
		head = re.match(r'\.S[hs] (.*)', line)
		if head:
			name = head.group(1) if line.startswith('.Ss ') else None
			if name:
				found[name] = []
		elif name:
			found[name].append(line)
	return found


def filled_in(text, descriptions):
	"""The page with what the descriptors say now between the marks."""
	for name, rows in descriptions.items():
		begin, end = BEGIN % name, END % name
		if begin in text and end in text:
			text = text[:text.index(begin)] + '\n'.join([begin] + block(rows) + [end]) + text[text.index(end) + len(end):]
	return text


def complaints(text, descriptions):
	found = []
	parts = sections(text)
	for name, rows in sorted(descriptions.items()):
		part = parts.get(name, [])
		if BEGIN % name not in part or END % name not in part:
			found.append('%s: the module %s has no part with the marks of %s' % (PAGE, name, sys.modules[__name__].__file__))
			continue
		by_hand = [line for line in part[:part.index(BEGIN % name)] if not line.startswith('.')]
		if len(' '.join(by_hand)) < 60:
			found.append('%s: the module %s has no paragraph that says what it does' % (PAGE, name))
		made = part[part.index(BEGIN % name) + 1:part.index(END % name)]
		if made != block(rows):
			found.append('%s: the part about %s differs from its descriptor: run tests/lint/modules.py --update BUILD' % (PAGE, name))
		for number in re.findall(r'XEP-\d+', rows[0][2]):
			if number not in ' '.join(part):
				found.append('%s: the part about %s does not name %s' % (PAGE, name, number))
	return found + ['%s: there is no module %s' % (PAGE, name) for name in parts if name not in descriptions]


def main():
	update = '--update' in sys.argv
	descriptions = describe([argument for argument in sys.argv[1:] if argument != '--update'][0])
	with open(os.path.join(SOURCE, PAGE), encoding='utf-8') as file:
		text = file.read()
	if update:
		text = filled_in(text, descriptions)
		with open(os.path.join(SOURCE, PAGE), 'w', encoding='utf-8') as file:
			file.write(text)
	found = complaints(text, descriptions)
	print('\n'.join(found))
	return 1 if found else 0


if __name__ == '__main__':
	sys.exit(main())
