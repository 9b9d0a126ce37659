hookswitchincludedir = $(includedir)/hookswitch
hookswitchinclude_HEADERS = \
	sdk/hookswitch/canon.h \
	sdk/hookswitch/canon_content.h \
	sdk/hookswitch/canon_json.h \
	sdk/hookswitch/plugin.h \
	sdk/hookswitch/sink.h \
	sdk/hookswitch/source.h \
	sdk/hookswitch/store.h
# What envelopes look like, for those who receive them.
schemadir = $(datadir)/hookswitch
dist_schema_DATA = sdk/hookswitch-envelope.schema.json
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = sdk/hookswitch.pc

include sdk/canon/local.mk
