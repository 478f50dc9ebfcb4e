# SPDX-License-Identifier: MIT
"""Elements, patterns and the comparison of the two.

An Element is what the stream parser makes of received XML; a pattern is an Element too, read from a script,
whose values may hold wildcards. compare() returns None where the element fits, else a sentence that says why not.
"""
import re
import xml.parsers.expat

CLIENT = 'jabber:client'
COMPONENT = 'jabber:component:accept'
STREAMS = 'http://etherx.jabber.org/streams'
STANZAS = 'urn:ietf:params:xml:ns:xmpp-stanzas'
TEST = 'test'
XML = 'http://www.w3.org/XML/1998/namespace'

# RFC 6120, 8.3.3: the error type that each condition is to be sent with
ERROR_TYPES = {
	'bad-request': 'modify', 'conflict': 'cancel', 'feature-not-implemented': 'cancel', 'forbidden': 'auth',
	'gone': 'cancel', 'internal-server-error': 'cancel wait', 'item-not-found': 'cancel',
	'jid-malformed': 'modify', 'not-acceptable': 'modify', 'not-allowed': 'cancel', 'not-authorized': 'auth',
	'policy-violation': 'modify wait', 'recipient-unavailable': 'wait', 'redirect': 'modify',
	'registration-required': 'auth', 'remote-server-not-found': 'cancel', 'remote-server-timeout': 'wait',
	'resource-constraint': 'wait', 'service-unavailable': 'cancel', 'subscription-required': 'auth',
	'undefined-condition': 'auth cancel continue modify wait', 'unexpected-request': 'wait modify',
}


class Element:
	"""Name, namespace, attributes (a namespaced one under 'NS name') and children: Elements and strings."""

	def __init__(self, ns, name, attrs=None):
		self.ns, self.name = ns, name
		self.attrs = attrs or {}
		self.children = []

	def elements(self):
		return [c for c in self.children if isinstance(c, Element)]

	def text(self):
		return ''.join(c for c in self.children if isinstance(c, str))

	def find(self, ns, name):
		for child in self.elements():
			if child.ns == ns and child.name == name:
				return child
		return None

	def find_all(self, ns, name):
		return [c for c in self.elements() if c.ns == ns and c.name == name]

	def pretty(self, indent='', parent_ns=None):
		"""The element as indented XML, for the eyes of whoever reads a failure."""
		attrs = ''
		if self.ns != parent_ns and not (parent_ns is None and self.ns == CLIENT):
			attrs += " xmlns='%s'" % self.ns
		for key, value in self.attrs.items():
			key = key.replace(XML + ' ', 'xml:').replace(TEST + ' ', 't:')
			attrs += " %s='%s'" % (key, escape(value, True))
		kids = [c for c in self.children if isinstance(c, Element) or c.strip()]
		if not kids:
			return '%s<%s%s/>' % (indent, self.name, attrs)
		if all(isinstance(c, str) for c in kids):
			text = ''.join(kids)
			if len(text) > 300:
				text = text[:300] + '... (%d characters)' % len(text)
			return '%s<%s%s>%s</%s>' % (indent, self.name, attrs, escape(text), self.name)
		lines = ['%s<%s%s>' % (indent, self.name, attrs)]
		for child in kids:
			if isinstance(child, Element):
				lines.append(child.pretty(indent + '  ', self.ns))
			else:
				lines.append(indent + '  ' + escape(child.strip()))
		lines.append('%s</%s>' % (indent, self.name))
		return '\n'.join(lines)


def escape(text, attribute=False):
	text = text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
	return text.replace("'", '&apos;') if attribute else text


class TreeBuilder:
	"""Builds Elements from expat's callbacks; on_open for depth 0, on_child for what ends at depth 1."""

	def __init__(self, on_open, on_child, on_close, on_space=None):
		self.parser = xml.parsers.expat.ParserCreate(namespace_separator=' ')
		self.parser.StartElementHandler = self.start
		self.parser.EndElementHandler = self.end
		self.parser.CharacterDataHandler = self.chars
		self.parser.buffer_text = True
		self.stack = []
		self.on_open, self.on_child, self.on_close, self.on_space = on_open, on_child, on_close, on_space

	def start(self, name, attrs):
		ns, _, local = name.rpartition(' ')
		element = Element(ns, local, dict(attrs))
		if not self.stack:
			self.on_open(element)
		elif len(self.stack) > 1:
			self.stack[-1].children.append(element)
		self.stack.append(element)

	def end(self, _name):
		element = self.stack.pop()
		if len(self.stack) == 1:
			self.on_child(element)
		elif not self.stack:
			self.on_close()

	def chars(self, text):
		if len(self.stack) > 1:
			self.stack[-1].children.append(text)
		elif self.on_space:
			self.on_space(text)


def parse(text, content=CLIENT):
	"""The elements of a block of a script, in the namespaces of a client's stream or of another."""
	found = []
	builder = TreeBuilder(lambda e: None, found.append, lambda: None)
	wrapped = ("<wrap xmlns='%s' xmlns:stream='%s' xmlns:t='%s'>%s</wrap>" % (content, STREAMS, TEST, text))
	try:
		builder.parser.Parse(wrapped, True)
	except xml.parsers.expat.ExpatError as error:
		raise ValueError('not well-formed XML in the script: %s in\n%s' % (error, text)) from None
	return found


WILD = re.compile(r'\{(any|none|\$\w+)\}')


def compare_value(pattern, value, names):
	"""Whether a value fits its pattern; binds {$name} in the dictionary names."""
	if pattern == '{none}':
		return value is None
	if pattern.startswith('{maybe}'):
		if value is None:
			return True
		pattern = pattern[len('{maybe}'):]
	if value is None:
		return False
	regex, bound, position = '', [], 0
	for wild in WILD.finditer(pattern):
		regex += re.escape(pattern[position:wild.start()])
		position = wild.end()
		word = wild.group(1)
		if word.startswith('$') and word[1:] in names:
			regex += re.escape(names[word[1:]])
		elif word.startswith('$'):
			bound.append(word[1:])
			regex += '(.+)'
		else:
			regex += '.*'
	regex += re.escape(pattern[position:])
	fits = re.fullmatch(regex, value, re.S)
	if not fits:
		return False
	for name, text in zip(bound, fits.groups()):
		names[name] = text
	return True


def compare(pattern, element, names):
	"""None if the element fits the pattern (names then holds the captures), else what does not fit."""
	trial = dict(names)
	why = compare_element(pattern, element, trial, '')
	if why is None:
		names.update(trial)
	return why


def compare_error(pattern, element, where):
	"""<t:error is='CONDITION'/>: a whole stanza error of RFC 6120, 8.3."""
	conditions = pattern.attrs['is'].split(' or ')
	if element.ns not in (CLIENT, COMPONENT) or element.name != 'error':
		return '%s: an <error/> was expected, this is <%s/>' % (where, element.name)
	given = [c.name for c in element.elements() if c.ns == STANZAS and c.name != 'text']
	if len(given) != 1 or given[0] not in conditions:
		return '%s: the condition is %s, expected %s' % (where, ' '.join(given) or 'missing', pattern.attrs['is'])
	wanted = pattern.attrs.get('type', ERROR_TYPES[given[0]])
	if element.attrs.get('type') not in wanted.split():
		return "%s: the error's type is '%s', expected '%s'" % (where, element.attrs.get('type'), wanted)
	return None


def compare_element(pattern, element, names, where):
	where = '%s/%s' % (where, element.name)
	if pattern.ns == TEST and pattern.name == 'error':
		return compare_error(pattern, element, where)
	if pattern.name != element.name and pattern.name != 'any':
		return '%s: the name is %s, expected %s' % (where, element.name, pattern.name)
	if pattern.ns != element.ns and pattern.ns != TEST:
		return "%s: the namespace is '%s', expected '%s'" % (where, element.ns, pattern.ns)
	only = pattern.attrs.get(TEST + ' only') == 'yes'
	for key, wanted in pattern.attrs.items():
		if key.startswith(TEST + ' '):
			continue
		given = element.attrs.get(key)
		if not compare_value(wanted, given, names):
			shown = key.replace(XML + ' ', 'xml:')
			if given is None:
				return "%s: attribute %s is missing, expected '%s'" % (where, shown, wanted)
			return "%s: attribute %s is '%s', expected '%s'" % (where, shown, given, wanted)
	if only:
		extra = [k for k in element.attrs if k not in pattern.attrs]
		if extra:
			return '%s: attribute %s was not expected' % (where, ' '.join(extra))
	return compare_children(pattern, element, names, where, only)


def compare_children(pattern, element, names, where, only):
	text = pattern.text().strip()
	if text and not compare_value(text, element.text().strip(), names):
		return "%s: the text is '%s', expected '%s'" % (where, element.text().strip(), text)
	if only and not text and element.text().strip():
		return "%s: the text '%s' was not expected" % (where, element.text().strip())
	rest = element.elements()
	for wanted in pattern.elements():
		if wanted.ns == TEST and wanted.name == 'not':
			for forbidden in wanted.elements():
				for child in element.elements():
					if compare_element(forbidden, child, dict(names), '') is None:
						return '%s: a child <%s/> that must not be there' % (where, child.name)
			continue
		closest = None
		for child in rest:
			trial = dict(names)
			why = compare_element(wanted, child, trial, where)
			if why is None:
				names.update(trial)
				rest.remove(child)
				break
			if closest is None or child.name == wanted.name:
				closest = why
		else:
			if closest and len(rest) == 1 or closest and [c for c in rest if c.name == wanted.name]:
				return closest
			return '%s: no child <%s/> as expected' % (where, wanted.name)
	if only and rest:
		return '%s: child <%s/> was not expected' % (where, rest[0].name)
	return None
