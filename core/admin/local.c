/* SPDX-License-Identifier: MIT */
/* The table of the commands that coupletctl carries out itself. */
#include "core/admin/local.h"

const struct cpl_command command_local[] = {
	[LOCAL_START] = {"start", "Starts the server as a daemon and waits until its ports are open.",
			 "Runs couplet with the same configuration. The exit code is 0 when the server accepts connections; otherwise its reasons are "
			 "printed. Where systemd runs the server, use systemctl start couplet.",
			 NULL, CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_STOP] = {"stop", "Stops the server and waits until it is gone.",
			"Streams are closed with system-shutdown and everything that was accepted is written to disk first, which takes at most about "
			"10 seconds.",
			NULL, 0, NULL},
	[LOCAL_RESTART] = {"restart", "Checks the configuration, then stops the server and starts it again.",
			   "A faulty configuration stops nothing. A server that does not run is started.", NULL, CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_CHECK] = {"config check", "Judges the configuration as the start does, and prints all faults.",
			 "Runs couplet -t. Every fault is a line FILE:LINE: text. The exit code is 1 if there is any; warnings do not count.", NULL,
			 CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_CERTIFICATE] = {"cert generate <host> [--out <file>]", "Makes a key and a self-signed certificate for a host.",
			       "ECDSA P-256, valid for 10 years, with the host's name as subjectAltName. One PEM file with key and certificate, readable "
			       "by its owner only, at the path that the configuration names for the host, or at --out. An existing file is never "
			       "overwritten. Clients will ask whether to trust it: for more than tests use a certificate from an authority.",
			       NULL, CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_VERSION] = {"version", "Prints the version of coupletctl and of the running server.", NULL, NULL, CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_SERVER_CHECK] = {"check [--resolver <word>]", "Looks for what is wrong with the server and its machine.",
				"The configuration, certificates (files, dates, names, keys, chains), ports (free or the server's), open files, the clock, folders and the "
				"permissions of data and keys, and the DNS records of each host; --resolver ADDRESS:PORT asks another name server. Each finding is ok, a warning or wrong, with "
				"the line to write. The exit code is 1 when something is wrong. Nothing is changed; the server may run or not.",
				"result,subject,finding,remedy", CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_CERT_CHECK] = {"cert check [<word:host>]", "Looks for what is wrong with the certificates of the hosts, or of one.",
			      "The part of check that is about certificates.", "result,subject,finding,remedy", CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_CERT_IMPORT] = {"cert import <word:folder> [--host <word>] [--dry-run]", "Installs the certificates of the hosts from where certbot or lego left them.",
			       "Looks in the folder for live/NAME/fullchain.pem and privkey.pem, NAME/fullchain.pem and privkey.pem, certificates/NAME.crt and NAME.key, NAME.crt and "
			       "NAME.key, by the name of each host, then by those of the domains above it (lego's _.NAME for wildcards), and takes what is valid for the host. It is written "
			       "where the configuration has certificate: and key:, whole or not at all, readable by the server's user alone. A running server is reloaded.",
			       "host,result,from,to", CPL_COMMAND_OFFLINE, NULL},
	[LOCAL_SHELL] = {"shell", "Takes commands one after another, with completion and a history.",
			 "The tabulator completes commands, their options, hosts, modules and the beginnings of accounts, as far as the server runs; the history is kept in "
			 "~/.coupletctl_history. --json and --yes may stand in each line. An interrupt ends the command that runs, or clears the line; exit or Ctrl-D ends the shell.",
			 NULL, CPL_COMMAND_OFFLINE, NULL},
	CPL_COMMAND_END,
};
