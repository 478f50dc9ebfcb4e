# SPDX-License-Identifier: MIT
"""The checks of the source. Each takes a Tree and returns complaints, "PATH: text" or "PATH:LINE: text"."""
import os
import re
import subprocess

import pages

# Includes never point up. Folders of one level know nothing of each other. A connection reports stanzas, so net stands on xml.
LEVELS = (('base',), ('loop',), ('xml', 'config'), ('net',), ('hook',), ('xmpp',), ('module',), ('admin',), ('migrate',), ('main',), ('test',))
LEVEL = {folder: level for level, folders in enumerate(LEVELS) for folder in folders}
C_LINES, HEADER_LINES, FUNCTION_LINES = 600, 400, 80
FORBIDDEN = 'strcpy strcat sprintf vsprintf strtok atoi atol atoll alloca gets'.split()
TOP_LEVEL = ('core modules plugins-api storage tests bench etc man autogen.sh configure.ac Makefile.am README.md LICENSE quickstart .ci '
	'.gitignore .gitattributes .clang-format').split()
# What autogen.sh and builds leave at the top level, or what only a distribution has.
MADE = re.compile(r'(\.git|build.*|aclocal\.m4|autom4te\.cache|configure~?|Makefile(\.in)?|config\.(log|status|h\.in)|libtool|_build|_inst)$')
# What a build inside the source leaves beside the sources; its programs are known by their first bytes.
OBJECT = re.compile(r'.*\.(o|lo|la|lai|so|pyc)$|\.dirstamp$')
LIBC = re.compile(r'(assert|ctype|dirent|dlfcn|endian|errno|fcntl|fnmatch|getopt|glob|grp|ifaddrs|inttypes|libgen|limits|link|locale|malloc|math|'
	r'netdb|poll|pthread|pwd|sched|semaphore|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|'
	r'syslog|termios|time|uchar|ucontext|unistd|wchar|wctype|(sys|netinet|arpa|net|linux)/\w+)\.h$')
# The headers that come with what a module links.
WRAPPED = {'OPENSSL_LIBS': 'openssl/', 'ICU_LIBS': 'unicode/', 'SQLITE_LIBS': 'sqlite3.h', 'EXPAT_LIBS': 'expat', 'IDN_LIBS': 'idn', 'YAML_LIBS': 'yaml.h'}


class Tree:
	"""The texts of the source, by path; a check of the checks changes some in a copy."""

	def __init__(self, files):
		self.files = files

	@classmethod
	def read(cls, top):
		files = {}
		for folder, folders, names in os.walk(top):
			relative = os.path.relpath(folder, top)
			folders[:] = sorted(f for f in folders if f not in ('.git', '__pycache__', '.deps', '.libs', 'autom4te.cache') and
				os.path.join(relative, f) != 'etc/autotools' and not (relative == '.' and MADE.match(f)))
			for name in names:
				path = os.path.normpath(os.path.join(relative, name))
				if OBJECT.match(name) or relative == '.' and MADE.match(name):
					continue
				with open(os.path.join(folder, name), encoding='utf-8', errors='surrogateescape') as file:
					text = file.read()
				if not text.startswith('\x7fELF'):
					files[path] = text
		return cls(files)

	def changed(self, path, text):
		return Tree({**self.files, path: text})

	def without(self, path):
		return Tree({key: value for key, value in self.files.items() if key != path})

	def named(self, *endings, under=('',)):
		return [(path, text) for path, text in sorted(self.files.items()) if path.endswith(endings) and path.startswith(under)]

	def c_files(self, under=('core/', 'modules/', 'storage/', 'plugins-api/', 'tests/', 'bench/')):
		return self.named('.c', '.h', under=under)

	def make_lines(self):
		"""(path, line) of the build lists, continued lines joined, comments gone."""
		for path, text in self.named('.mk', '.am'):
			for line in text.replace('\\\n', ' ').splitlines():
				if not line.startswith('#'):
					yield path, line


def numbered(pattern, text):
	"""(line number, match) for each match, which may not span lines."""
	for number, line in enumerate(text.splitlines(), 1):
		for match in re.finditer(pattern, line):
			yield number, match


def bare(text):
	"""C without comments and without what is between quotes; lines stay where they are."""
	def blank(match):
		if match.group(0)[0] in '"\'':
			return match.group(0)[0] * 2
		return '\n' * match.group(0).count('\n') or ' '
	return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


INCLUDE = r'^\s*#\s*include\s*([<"])([^>"]+)[>"]'


def folder_of_core(path):
	parts = path.split('/')
	return parts[1] if len(parts) > 2 else 'main'


def layers(tree):
	found = []
	for path, text in tree.c_files(under=('core/',)):
		own = folder_of_core(path)
		for line, match in numbered(INCLUDE, text):
			kind, name = match.groups()
			if kind == '<':
				continue
			if not name.startswith('core/') or name not in tree.files:
				found.append('%s:%d: "%s" is not a header of core/' % (path, line, name))
				continue
			other = folder_of_core(name)
			for folder in (own, other):
				if folder not in LEVEL:
					found.append('%s:%d: core/%s has no level' % (path, line, folder))
					return found
			if other != own and LEVEL[other] >= LEVEL[own]:
				found.append('%s:%d: %s includes "%s", which is not below it' % (path, line, own, name))
	return found


def headers_of_libraries(tree):
	"""Folder or file of each module -> beginnings of the headers that it may include because it links the library."""
	sources, linked = {}, {}
	for _path, line in tree.make_lines():
		match = re.match(r'\s*(\w+_la)_(SOURCES|LIBADD)\s*\+?=(.*)', line)
		if match and match.group(2) == 'SOURCES':
			sources.setdefault(match.group(1), []).extend(match.group(3).split())
		elif match:
			linked.setdefault(match.group(1), []).extend(re.findall(r'\$\((\w+)\)', match.group(3)))
	return {path: tuple(WRAPPED[lib] for lib in linked.get(module, ()) if lib in WRAPPED)
		for module, paths in sources.items() for path in paths}


def module_includes(tree):
	found = []
	libraries = headers_of_libraries(tree)
	for path, text in tree.c_files(under=('modules/', 'storage/', 'plugins-api/template/')):
		folder = os.path.dirname(path)
		for line, match in numbered(INCLUDE, text):
			kind, name = match.groups()
			own = kind == '"' and folder not in ('modules', 'storage') and (os.path.dirname(name) == folder and name in tree.files or
				os.path.join(folder, name) in tree.files)
			public = kind == '<' and (name.startswith('couplet/') or LIBC.match(name) or name.startswith(libraries.get(path) or ('\n',)))
			if not own and not public:
				found.append('%s:%d: a module includes <couplet/...>, headers of its own folder, of libc and of what it links, not %s' % (
					path, line, name))
	return found


def public_names(tree):
	text = '\n'.join(text for path, text in tree.files.items() if path.startswith('plugins-api/couplet/'))
	names = set(re.findall(r'\b(?:cpl|CPL)_\w+', text))
	# Pasted names: PREFIX##name for each event.
	for event in re.findall(r'^\s*\w+\((\w+)', tree.files.get('plugins-api/couplet/events.def', ''), re.M):
		for prefix in re.findall(r'\b((?:cpl|CPL)_\w*?)##', text):
			names.add(prefix + event)
			for suffix in re.findall(re.escape(prefix) + r'##\w+##(\w+)', text):
				names.add(prefix + event + suffix)
	return names


def prefix(tree):
	"""Any cpl_ name in the source is one of the public headers."""
	found, names = [], public_names(tree)
	for path, text in tree.c_files(under=('core/', 'modules/', 'storage/')):
		for line, match in numbered(r'\b(?:cpl|CPL)_\w+', bare(text)):
			if match.group(0) not in names and not match.group(0).endswith('_'):
				found.append('%s:%d: %s is not in the public headers' % (path, line, match.group(0)))
	return found


def sizes(tree):
	found = []
	for path, text in tree.c_files():
		limit = C_LINES if path.endswith('.c') else HEADER_LINES
		if text.count('\n') > limit:
			found.append('%s: %d lines, more than %d' % (path, text.count('\n'), limit))
	return found


def long_functions(tree):
	"""Not a complaint, but a list to look at."""
	found = []
	for path, text in tree.c_files():
		opened = None
		for number, line in enumerate(text.splitlines(), 1):
			if line == '{':
				opened = number
			elif line == '}' and opened:
				if number - opened > FUNCTION_LINES:
					found.append('%s:%d: a function of %d lines' % (path, opened, number - opened + 1))
				opened = None
	return found


def forbidden_calls(tree):
	found = []
	for path, text in tree.c_files():
		for line, match in numbered(r'\b(%s)\s*\(' % '|'.join(FORBIDDEN), bare(text)):
			found.append('%s:%d: %s() is not used here' % (path, line, match.group(1)))
	return found


def distributed(tree):
	"""Every source is named in a build list, or lies in a folder that is; what a list names is there."""
	found, named = [], set('configure.ac Makefile.am'.split())
	for _path, line in tree.make_lines():
		match = re.match(r'\s*include (\S+)', line)
		named.update([match.group(1)] if match else re.findall(r'[\w./-]+', line.partition('=')[2]))
	made = set(re.findall(r'AC_CONFIG_FILES\(\[([^\]]*)\]', tree.files['configure.ac'])[0].split())
	named.update(name + '.in' for name in made)
	for path in sorted(tree.files):
		parts = path.split('/')
		if path.startswith('.') or path == 'Makefile.in':
			continue
		if not any('/'.join(parts[:count]) in named for count in range(1, len(parts) + 1)):
			found.append('%s: no .mk file distributes it' % path)
	for name in sorted(named):
		if name.endswith(('.c', '.h')) and name not in tree.files:
			found.append('Makefile.am: %s is listed, but is not there' % name)
	return found


def one_runner(tree):
	"""tests/run runs and counts everything; automake's own list of tests would run programs a second time."""
	return ['%s: TESTS is not used, check_PROGRAMS is enough: %s' % (path, line.strip())
		for path, line in tree.make_lines() if re.match(r'\s*TESTS\s*\+?=', line)]


def manual_pages(tree):
	found = []
	for path, text in tree.named('.1', '.3', '.5', '.7', '.8', under=('man/',)):
		with subprocess.Popen(['mandoc', '-Tlint', '-W', 'error'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
				text=True) as process:
			output = process.communicate(text)[0]
		if output or process.returncode:
			found += ['%s: %s' % (path, line) for line in output.splitlines() or ['mandoc exits %d' % process.returncode]]
	if not tree.named('.8', under=('man/',)):
		found.append('man: there are no manual pages')
	return found


def generated_pages(tree):
	"""The manual pages that are made from the public headers say what those say now."""
	return ['%s: it differs from the public headers: run tests/lint/pages.py --update' % path
		for path, text in pages.made(tree.files).items() if tree.files.get(path) != text]


def documented(tree):
	"""Every public function has a comment of its own, or stands at once below one that has."""
	return ['%s:%d: %s has no comment' % undocumented for undocumented in pages.undocumented(tree.files)]


def reading_order(tree):
	"""core/README.md walks through all files of core/, and through no others."""
	path = 'core/README.md'
	named = set(re.findall(r'`([\w./-]+\.[ch])`', tree.files.get(path, '')))
	found = ['%s: %s is not mentioned' % (path, name) for name, _text in tree.named('.c', '.h', under=('core/',)) if name[len('core/'):] not in named]
	return found + ['%s: there is no %s' % (path, name) for name in sorted(named) if 'core/' + name not in tree.files and name not in tree.files]


def unfinished(tree):
	found = []
	for path, text in tree.named('', under=('core/', 'modules/', 'storage/', 'plugins-api/', 'bench/', 'man/', 'etc/', 'README.md', 'tests/unit/',
			'tests/scenario/', 'tests/clients/', 'tests/fault/', 'tests/reload/')):
		for line, match in numbered(r'\b(TODO|FIXME|XXX)\b', text):
			found.append('%s:%d: %s' % (path, line, match.group(0)))
	return found


def licence(tree):
	"""The licence stands at the top of every file with code, and a comment that says what it is below it."""
	found = []
	for path, text in tree.c_files():
		lines = text.split('\n', 2)
		if lines[0] != '/* SPDX-License-Identifier: MIT */' or not text.split('\n', 1)[1].lstrip().startswith('/*'):
			found.append('%s: it begins with the licence line and a comment that says what the file is' % path)
	return found


def top_level(tree):
	return ['%s: the top level has %s, and nothing else' % (name, ' '.join(TOP_LEVEL))
		for name in sorted({path.split('/')[0] for path in tree.files} - set(TOP_LEVEL))]


CHECKS = (layers, module_includes, prefix, sizes, forbidden_calls, distributed, one_runner, manual_pages, generated_pages, documented, reading_order,
	unfinished, licence, top_level)
