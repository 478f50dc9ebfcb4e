# SPDX-License-Identifier: MIT
"""profanity on a terminal of tmux, driven by keys and read off the screen."""
import os
import re
import subprocess
import tempfile

from stage import Failed


class Screen:
	def __init__(self, stage, account):
		self.stage, self.account = stage, account
		self.home = tempfile.TemporaryDirectory(prefix='couplet-profanity-')
		# A tmux of its own, so that its end is nobody else's.
		self.tmux = ['tmux', '-S', os.path.join(self.home.name, 'tmux'), '-f', '/dev/null']
		environment = dict(os.environ, HOME=self.home.name, XDG_CONFIG_HOME=self.home.name + '/config',
			XDG_DATA_HOME=self.home.name + '/data', LC_ALL='C.UTF-8', TERM='xterm')
		subprocess.run(self.tmux + ['new-session', '-d', '-x', '160', '-y', '50', 'profanity'], env=environment, check=True)

	def text(self):
		shown = subprocess.run(self.tmux + ['capture-pane', '-p'], capture_output=True, text=True, check=False)
		return shown.stdout

	def type(self, line):
		subprocess.run(self.tmux + ['send-keys', '-l', line], check=True)
		subprocess.run(self.tmux + ['send-keys', 'Enter'], check=True)

	async def shows(self, pattern, seconds=60):
		try:
			return await self.stage.eventually('', lambda: re.search(pattern, self.text()), seconds)
		except Failed as error:
			raise Failed('profanity of %s does not show /%s/ but:\n%s' % (self.account[0], pattern, self.text())) from error

	async def log_in(self):
		"""The commands that ./quickstart run tells its user."""
		await self.shows('Type \'/help\' to show complete help')
		self.type('/connect %s server 127.0.0.1 port %d tls trust' % (self.account[0], self.stage.port))
		await self.shows('Enter password:')
		self.type(self.account[1])
		await self.shows(r'\[TLS\].*\[online\]')
		return self

	async def log_out(self):
		self.type('/quit')
		await self.stage.eventually('profanity ends', lambda: not self.runs())

	def runs(self):
		return subprocess.run(self.tmux + ['has-session'], capture_output=True, check=False).returncode == 0

	def close(self):
		if self.runs():
			subprocess.run(self.tmux + ['kill-server'], capture_output=True, check=False)
		self.home.cleanup()
