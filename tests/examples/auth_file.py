#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The example auth_file logs in whom its file names, and nobody else: auth_file.py COUPLET MODULES-FOLDER."""
import hashlib
import os
import sys

import stage


def main():
	with stage.Server(*(os.path.abspath(argument) for argument in sys.argv[1:3])) as server:
		salt = os.urandom(16)
		server.configure('auth_file', 'file: %s/people' % server.folder)
		(server.folder / 'people').write_text('# localpart:digest:salt\nromeo:%s:%s\n' % (hashlib.sha256(salt + b'rosaline').hexdigest(), salt.hex()))
		server.start()
		for _ in range(2): # the account's object is made the first time
			answer = stage.log_in(server.port, 'romeo', 'rosaline')
			assert b'<jid>romeo@localhost/' in answer, answer
		assert b'<not-authorized/>' in stage.log_in(server.port, 'romeo', 'juliet')
		assert b'<not-authorized/>' in stage.log_in(server.port, 'paris', 'rosaline')
	print('ok - auth_file logs in whom its file names, and nobody else')


main()
