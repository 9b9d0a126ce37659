/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem.h - whether the files of certificates and keys can be used, before the first connection needs them. Any thread.
 * They read files, which may block, and are for when options are checked.
 */
#ifndef SINK_WEBHOOK_PEM_H
#define SINK_WEBHOOK_PEM_H

#include <hookswitch/plugin.h>

/* The file begins with a certificate. HSW_OK, HSW_EINVAL: err names the option and says why not. */
int pem_check_certificate(const char *option, const char *path, struct hsw_error *err);
/* The file has the key of the certificate, without a passphrase. HSW_OK, HSW_EINVAL: err says why not, and names
 * key_option. */
int pem_check_key(
	const char *cert_path, const char *key_option, const char *key_path, struct hsw_error *err);

#endif
