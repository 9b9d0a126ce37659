/* SPDX-License-Identifier: Apache-2.0 */
/* config_tokens.h - that the tokens of the configuration file tell who asks. */
#ifndef CONFIG_TOKENS_H
#define CONFIG_TOKENS_H

#include "ini.h"

/* Adds to the errors what two instances, or an instance and the account, have in common. The ini is the file
 * that the configuration was read from. */
void config_tokens_check(const struct config *, const struct ini *, struct config_errors *);

#endif
