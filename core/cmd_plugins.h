/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plugins.h - the parts of `hookswitch plugins`. */
#ifndef CMD_PLUGINS_H
#define CMD_PLUGINS_H

/* Makes the folder `wanted` ("sink-foo") in the working directory. templates: a folder with one of each kind;
 * plugins: that of the plugins, none of which may have this name. A CMD_*. */
int cmd_plugins_new(const char *templates, const char *plugins, const char *wanted);

#endif
