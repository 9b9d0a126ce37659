/* SPDX-License-Identifier: Apache-2.0 */
/*
 * translate.c - hookswitch-bench-translate: how long a source plugin takes for one body, on one core, without a
 * daemon. Loads the plugin as the daemon does, with no options set.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hookswitch/source.h>

#define ROUNDS 5
#define DEFAULT_COUNT 100000

struct hsw_emit {
	size_t events, bytes;
};

static int
emit(struct hsw_emit *e, const struct hsw_event *event)
{
	e->events++;
	for (size_t i = 0; i < event->pieces; i++)
		e->bytes += event->data[i].bytes.len;
	return HSW_OK;
}

static struct hsw_str
no_header(const struct hsw_request *request, const char *name)
{
	(void)request;
	(void)name;
	return (struct hsw_str){ NULL, 0 };
}

static char *
read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 64 << 20;
	char *data = f != NULL ? malloc(cap) : NULL;

	if (data == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	*len = fread(data, 1, cap, f);
	fclose(f);
	return data;
}

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static double
measure(const struct hsw_source_ops *ops, void *self, const struct hsw_request *request, long count,
	struct hsw_emit *out)
{
	struct hsw_error err = { "" };
	double start = now_us();

	for (long i = 0; i < count; i++) {
		if (ops->translate(self, request, emit, out, &err) != HSW_OK) {
			fprintf(stderr, "translate: %s\n", err.text);
			exit(EXIT_FAILURE);
		}
	}
	return (now_us() - start) / (double)count;
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "Usage: %s PLUGIN.so BODY.json [COUNT]\n", argv[0]);
		return 2;
	}
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : DEFAULT_COUNT;
	void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
	const struct hsw_plugin *plugin = library != NULL ? dlsym(library, "hsw_plugin") : NULL;
	if (plugin == NULL || plugin->kind != HSW_SOURCE || count < 1) {
		fprintf(stderr, "%s: %s\n", argv[1], plugin == NULL ? dlerror() : "no source");
		return EXIT_FAILURE;
	}
	const struct hsw_source_ops *ops = plugin->ops;
	void *conf = calloc(1, plugin->conf_size + 1), *self = NULL;
	struct hsw_error err = { "" };
	if (conf == NULL || ops->open(NULL, NULL, conf, &self, &err) != HSW_OK) {
		fprintf(stderr, "open: %s\n", err.text);
		return EXIT_FAILURE;
	}
	struct hsw_request request = { .size = sizeof(request),
		.method = { "POST", 4 },
		.path = { "", 0 },
		.query = { "", 0 },
		.instance = { "bench", 5 },
		.received_ms = 1795239228123,
		.header = no_header };
	request.body.s = read_file(argv[2], &request.body.len);
	struct hsw_emit out = { .events = 0 };
	double best = measure(ops, self, &request, count, &out);
	for (int i = 1; i < ROUNDS; i++) {
		double us = measure(ops, self, &request, count, &out);
		best = us < best ? us : best;
	}
	printf("%zu bytes in, %.0f events of %.0f bytes out: %.2f us\n", request.body.len,
		(double)out.events / ROUNDS / (double)count, (double)out.bytes / (double)out.events,
		best);
	ops->close(self);
	free(conf);
	free((void *)request.body.s);
	return EXIT_SUCCESS;
}
