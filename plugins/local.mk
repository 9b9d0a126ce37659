# Every plugin is built and loaded like a stranger's: SDK headers and its own libraries, nothing of
# core/. All land in plugins/.libs, so `plugin_dir` can point there in a build tree.
plugin_ldflags = -module -avoid-version -shared $(HSW_LDFLAGS) $(HSW_PLUGIN_LDFLAGS)
plugin_cppflags = -D_GNU_SOURCE -I$(top_srcdir)/sdk

# What sources share whose body is one signed JSON object.
plugin_frame = \
	plugins/common/frame.c plugins/common/frame.h \
	plugins/common/handle.c plugins/common/handle.h \
	plugins/common/signature.c plugins/common/signature.h \
	plugins/common/words.c plugins/common/words.h

include plugins/store-sqlite/local.mk
include plugins/store-postgres/local.mk
include plugins/source-evolution/local.mk
include plugins/source-eazewa/local.mk
include plugins/source-whatsappweb/local.mk
include plugins/source-cloudapi/local.mk
include plugins/source-ryzeapi/local.mk
include plugins/source-gowa/local.mk
include plugins/source-waha/local.mk
include plugins/source-wuzapi/local.mk
include plugins/source-map/local.mk
include plugins/sink-webhook/local.mk
include plugins/sink-file/local.mk
include plugins/sink-syslog/local.mk
include plugins/sink-websocket/local.mk
