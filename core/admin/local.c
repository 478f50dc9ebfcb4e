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
	CPL_COMMAND_END,
};
