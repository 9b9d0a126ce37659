/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a configuration file holds, reading it neither crashes nor leaks. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors = { .count = 0 };
	char path[] = "/tmp/fuzz_ini.XXXXXX";
	struct ini ini;
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	ini_read(&ini, path, &errors);
	ini_free(&ini);
	config_errors_free(&errors);
	unlink(path);
	return 0;
}
