# Every plugin is built and loaded like a stranger's: SDK headers and its own libraries, nothing of
# core/. All land in plugins/.libs, so `plugin_dir` can point there in a build tree.
plugin_ldflags = -module -avoid-version -shared $(HSW_LDFLAGS) $(HSW_PLUGIN_LDFLAGS)
plugin_cppflags = -D_GNU_SOURCE -I$(top_srcdir)/sdk

include plugins/store-sqlite/local.mk
include plugins/source-evolution/local.mk
include plugins/sink-webhook/local.mk
include plugins/sink-file/local.mk
include plugins/sink-websocket/local.mk
