# etc: the sample configuration, which becomes the configuration where there is none, and the systemd unit with the paths of this build.
EXTRA_DIST += etc/couplet.yml etc/couplet.service
confdir = $(sysconfdir)/couplet

install-data-local:
	$(MKDIR_P) "$(DESTDIR)$(confdir)/certs" "$(DESTDIR)$(pkgdatadir)"
	test -e "$(DESTDIR)$(confdir)/couplet.yml" || \
		$(INSTALL_DATA) -m 640 $(srcdir)/etc/couplet.yml "$(DESTDIR)$(confdir)/couplet.yml"
	$(INSTALL_DATA) $(srcdir)/etc/couplet.yml "$(DESTDIR)$(pkgdatadir)/couplet.yml"
	$(SED) -e 's|/usr/sbin/|$(sbindir)/|g' -e 's|/usr/bin/|$(bindir)/|g' -e 's|/etc/couplet/|$(confdir)/|g' \
		$(srcdir)/etc/couplet.service > "$(DESTDIR)$(pkgdatadir)/couplet.service"
	chmod 644 "$(DESTDIR)$(pkgdatadir)/couplet.service"

# A configuration that somebody has changed stays.
uninstall-local:
	! cmp -s $(srcdir)/etc/couplet.yml "$(DESTDIR)$(confdir)/couplet.yml" || rm -f "$(DESTDIR)$(confdir)/couplet.yml"
	rm -f "$(DESTDIR)$(pkgdatadir)/couplet.yml" "$(DESTDIR)$(pkgdatadir)/couplet.service"
	-rmdir "$(DESTDIR)$(confdir)/certs" "$(DESTDIR)$(confdir)" "$(DESTDIR)$(pkgdatadir)" 2>/dev/null

# Debian packages of this source, in deb/ below the build: see etc/debian/build.
EXTRA_DIST += etc/debian/build etc/debian/control.in etc/debian/couplet.logrotate etc/debian/couplet.postinst etc/debian/couplet.postrm etc/debian/couplet.prerm
deb:
	CC="$(CC)" $(srcdir)/etc/debian/build $(srcdir) deb
clean-local:
	rm -rf deb
.PHONY: deb
