#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The example auth_http, with a web server that answers, or does not: auth_http.py COUPLET MODULES-FOLDER COUPLETCTL. Each request calls back once, however it ends."""
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time

import stage

asked = threading.Semaphore(0)   # a question that is kept waiting has come
answer_now = threading.Event()


class Accounts(http.server.BaseHTTPRequestHandler):
	"""Romeo's password is rosaline; "slow" is kept waiting and right, "broken" is an error of the server's."""

	def do_POST(self):
		question = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
		password = question['password']
		if password == 'slow':
			asked.release()
			answer_now.wait(120)
		code = 500 if password == 'broken' else 200 if question['jid'] == 'romeo@localhost' and password in ('rosaline', 'slow') else 403
		try:
			self.send_response(code)
			self.send_header('Content-Length', '0')
			self.end_headers()
		except OSError:
			pass # the question was taken back

	def log_message(self, *arguments):
		pass


def passed(title):
	print('ok - auth_http: ' + title)


def told_apart(server):
	for _ in range(2): # the account's object is made the first time
		answer = stage.log_in(server.port, 'romeo', 'rosaline')
		assert b'<jid>romeo@localhost/' in answer, answer
	assert b'<not-authorized/>' in stage.log_in(server.port, 'romeo', 'juliet')
	assert b'<not-authorized/>' in stage.log_in(server.port, 'paris', 'rosaline')
	assert b'<temporary-auth-failure/>' in stage.log_in(server.port, 'romeo', 'broken')
	passed('who is who, and an error of the web server')


def balanced(server):
	"""Every call of the module calls back, once: as many as were started, soon."""
	for _ in range(1000):
		shown = server.ctl('--json', 'module', 'info', 'auth_http')
		assert shown.returncode == 0, shown
		calls = {row['name']: row['value'] for row in json.loads(shown.stdout) if row['section'] == 'calls'}
		if calls['started'] == calls['fired']:
			return
		time.sleep(0.05)
	raise AssertionError(calls)


def session_goes(server):
	"""What was read is handled to its end: the question is not taken back, and its answer reaches nobody."""
	with stage.opened(server.port) as stream:
		stage.send_plain(stream, 'romeo', 'slow')
		assert asked.acquire(timeout=60)
	told_apart(server)
	answer_now.set()
	balanced(server)
	answer_now.clear()
	passed('a session that goes meanwhile')


def client_goes(server):
	"""The scope of a command ends with its client: the request is cancelled, and has called back while the web server still thinks."""
	command = begin_command(server)
	command.kill()
	command.communicate()
	balanced(server)
	answer_now.set()
	answer_now.clear()
	passed('a request that is taken back calls back')


def module_goes(server):
	with stage.opened(server.port) as stream:
		stage.send_plain(stream, 'romeo', 'slow')
		assert asked.acquire(timeout=60)
		gone = server.ctl('module', 'unload', 'auth_http')
		assert gone.returncode == 0, gone
		answer = stage.read_until(stream, b'</stream:stream>')
		assert b'<internal-server-error' in answer and b'<failure' not in answer, answer
	again = server.ctl('module', 'load', 'auth_http')
	assert again.returncode == 0, again
	told_apart(server)
	passed('an unload ends a login that waits, once')


def module_is_reloaded(server):
	with stage.opened(server.port) as stream:
		stage.send_plain(stream, 'romeo', 'slow')
		assert asked.acquire(timeout=60)
		assert server.ctl('module', 'reload', 'auth_http').returncode == 0
		answer_now.set()
		assert stage.read_until(stream, b'<success', b'</failure>').startswith(b'<success')
		answer_now.clear()
	passed('a reload leaves a login that waits alone')


def begin_command(server):
	words = [server.coupletctl, '-c', str(server.folder / 'couplet.yml'), 'auth_http', 'check', 'romeo@localhost', '--password-stdin']
	command = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
	command.stdin.write('slow\n')
	command.stdin.flush()
	assert asked.acquire(timeout=60)
	return command


def command_goes_on(server):
	command = begin_command(server)
	assert server.ctl('module', 'reload', 'auth_http').returncode == 0
	answer_now.set()
	out, wrong = command.communicate(timeout=60)
	assert command.returncode == 0 and out == 'the password is right\n', (out, wrong)
	answer_now.clear()
	wrong = server.ctl('auth_http', 'check', 'romeo@localhost', '--password-stdin', input='juliet\n')
	assert wrong.returncode == 1 and 'the password is wrong' in wrong.stderr, wrong
	passed('a command that runs goes on over the reload of its module')


COMMAND = "<command xmlns='http://jabber.org/protocol/commands' node='auth_http check'"
FORM = ("<x xmlns='jabber:x:data' type='submit'><field var='account'><value>romeo@localhost</value></field>"
	"<field var='password'><value>%s</value></field></x></command></iq>")


def form_goes_on(server):
	"""XEP-0050: the form is out while both modules are reloaded, and the command runs while they are reloaded once more."""
	assert server.ctl('user', 'role', 'romeo@localhost', 'admin').returncode == 0
	with stage.opened(server.port) as stream:
		stage.send_plain(stream, 'romeo', 'rosaline')
		stage.read_until(stream, b'<success')
		stage.bind(stream)
		stream.sendall(("<iq type='set' to='localhost' id='1'>" + COMMAND + '/></iq>').encode())
		asked_for = stage.read_until(stream, b'</iq>').decode()
		session = re.search("sessionid=['\"]([^'\"]*)", asked_for).group(1)
		for module in ('adhoc', 'auth_http'):
			assert server.ctl('module', 'reload', module).returncode == 0
		stream.sendall(("<iq type='set' to='localhost' id='2'>" + COMMAND + " sessionid='%s'>" % session + FORM % 'slow').encode())
		assert asked.acquire(timeout=60)
		for module in ('adhoc', 'auth_http'):
			assert server.ctl('module', 'reload', module).returncode == 0
		stream.sendall(("<iq type='set' to='localhost' id='3'>" + COMMAND + " sessionid='%s'>" % session + FORM % 'slow').encode())
		busy = stage.read_until(stream, b'</iq>')
		assert b"id='3'" in busy and b'<bad-action' in busy, busy
		answer_now.set()
		answer = stage.read_until(stream, b'</iq>')
		assert b"id='2'" in answer and b"status='completed'" in answer and b'the password is right' in answer, answer
		answer_now.clear()
	passed('an ad-hoc command goes on over reloads')


def main():
	web = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Accounts)
	web.daemon_threads = True
	threading.Thread(target=web.serve_forever, daemon=True).start()
	with stage.Server(*(os.path.abspath(argument) for argument in sys.argv[1:4])) as server:
		server.configure('auth_http', 'url: "http://127.0.0.1:%d/check"' % web.server_address[1])
		server.start()
		told_apart(server)
		session_goes(server)
		module_goes(server)
		module_is_reloaded(server)
		client_goes(server)
		command_goes_on(server)
		form_goes_on(server)
		balanced(server)
		web.shutdown()
		web.server_close()
		assert b'<temporary-auth-failure/>' in stage.log_in(server.port, 'romeo', 'rosaline')
		passed('nobody answers')


main()
