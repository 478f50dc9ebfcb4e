# core: one convenience library, of which the two programs are made.
noinst_LTLIBRARIES += libcore.la
libcore_la_SOURCES =
libcore_la_LIBADD = $(EXPAT_LIBS) $(OPENSSL_LIBS) $(YAML_LIBS) $(IDN_LIBS) $(EV_LIBS) $(LTDL_LIBS) $(THREAD_LIBS)

# core/base

# core/loop

# core/net

# core/xml

# core/config

# core/hook

# core/xmpp

# core/module

# core/admin
