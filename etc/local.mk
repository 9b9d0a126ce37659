# Samples; an installed hookswitch.ini is never overwritten.
sampledir = $(docdir)
dist_sample_DATA = etc/hookswitch.ini etc/hookswitch-minimal.ini

mapdir = $(docdir)/maps
dist_map_DATA = etc/maps/greenapi.ini etc/maps/twilio.ini etc/maps/ultramsg.ini etc/maps/zapi.ini

install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(sysconfdir)/hookswitch/conf.d'
	test -e '$(DESTDIR)$(sysconfdir)/hookswitch/hookswitch.ini' || \
		$(INSTALL_DATA) '$(srcdir)/etc/hookswitch.ini' '$(DESTDIR)$(sysconfdir)/hookswitch/hookswitch.ini'
# One that was changed is the administrator's.
uninstall-hook:
	-! cmp -s '$(srcdir)/etc/hookswitch.ini' '$(DESTDIR)$(sysconfdir)/hookswitch/hookswitch.ini' || \
		rm -f '$(DESTDIR)$(sysconfdir)/hookswitch/hookswitch.ini'
	-rmdir '$(DESTDIR)$(sysconfdir)/hookswitch/conf.d' '$(DESTDIR)$(sysconfdir)/hookswitch'
