#include <hookswitch/plugin.h>
const struct hsw_plugin hsw_plugin;
