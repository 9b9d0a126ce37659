/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.c - the daemon that is measured: its configuration, its process, what it used. */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 10000

static void
write_store(FILE *f, const char *folder, const char *store)
{
	fputs("[store]\n", f);
	if (store == NULL)
		fprintf(f, "path = %s/hookswitch.db", folder);
	for (; store != NULL && *store != '\0'; store++)
		fputc(*store == ';' ? '\n' : *store, f);
	fputs("\n", f);
}

static bool
write_config(const struct daemon *d, const char *plugin_dir, const struct load *l, bool file_sink,
	int workers)
{
	char path[300], count[16];
	snprintf(path, sizeof(path), "%s/hookswitch.ini", d->folder);
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return false;
	snprintf(count, sizeof(count), "%d", workers);
	fprintf(f,
		"[server]\nlisten = 127.0.0.1:%d\nplugin_dir = %s\ncontrol = %s/control.sock\n"
		"workers = %s\n"
		"[log]\nlevel = warn\n[source evolution]\ntoken = %s\n"
		"[instance bench]\ntoken = %s\n",
		l->daemon_port, plugin_dir, d->folder, workers > 0 ? count : "auto", l->token,
		l->token);
	if (l->ws_clients > 0)
		fprintf(f,
			"websocket = yes\n[websocket]\nheartbeat = 30m\npong_timeout = 1h\n"
			"[api]\nrate_limit = none\n");
	write_store(f, d->folder, l->store);
	for (int i = 0; i < l->sinks; i++)
		fprintf(f, "[sink s%d]\nplugin = webhook\nurl = http://127.0.0.1:%d/s%d\n", i,
			l->receiver_port, i);
	if (file_sink)
		fprintf(f, "[sink file]\nplugin = file\npath = %s/events.ndjson\n", d->folder);
	return fclose(f) == 0;
}

static bool
accepts(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool works = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

	close(fd);
	return works;
}

bool
daemon_start(struct daemon *d, const char *program, const char *plugin_dir, const struct load *l,
	bool file_sink, int workers)
{
	const char *base = getenv("TMPDIR");
	char config[300];

	snprintf(d->folder, sizeof(d->folder), "%s/hookswitch-bench.XXXXXX",
		base != NULL ? base : "/var/tmp");
	if (mkdtemp(d->folder) == NULL || !write_config(d, plugin_dir, l, file_sink, workers)) {
		fprintf(stderr, "hookswitch-bench: %s: %s\n", d->folder, strerror(errno));
		return false;
	}
	snprintf(config, sizeof(config), "%s/hookswitch.ini", d->folder);
	d->pid = fork();
	if (d->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever becomes of the bench */
		execl(program, program, "run", "-c", config, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < START_MS / 10 && waitpid(d->pid, NULL, WNOHANG) == 0; i++) {
		if (accepts(l->daemon_port))
			return true;
		usleep(10000);
	}
	fprintf(stderr, "hookswitch-bench: the daemon does not start: %s run -c %s\n", program,
		config);
	return false;
}

/* Of a process, from proc(5); CPU in ticks. */
struct stat_line {
	int parent;
	unsigned long user, system;
	long ended_user, ended_system; /* of children that it has waited for */
};

static bool
read_stat(int pid, struct stat_line *out)
{
	char path[64], line[1024];
	bool is_read = false;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return false;
	if (fgets(line, sizeof(line), f) != NULL && strrchr(line, ')') != NULL)
		is_read = sscanf(strrchr(line, ')') + 1,
				  " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
				  &out->parent, &out->user, &out->system, &out->ended_user,
				  &out->ended_system) == 5;
	fclose(f);
	return is_read;
}

struct usage
daemon_usage(const struct daemon *d)
{
	struct usage u = { 0, 0, 0, 0 };
	struct stat_line stat;
	char path[64], line[1024];

	if (read_stat(d->pid, &stat)) {
		u.user_s = (double)stat.user / (double)sysconf(_SC_CLK_TCK);
		u.system_s = (double)stat.system / (double)sysconf(_SC_CLK_TCK);
	}
	snprintf(path, sizeof(path), "/proc/%d/status", d->pid);
	FILE *f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		sscanf(line, "VmHWM: %ld", &u.peak_kb);
		sscanf(line, "VmRSS: %ld", &u.now_kb);
	}
	if (f != NULL)
		fclose(f);
	return u;
}

/* A child that ends between two calls goes over into what its parent says of ended ones. */
double
server_cpu_s(int pid)
{
	struct stat_line stat;
	const struct dirent *entry;
	double ticks = 0;

	if (pid == 0)
		return 0;
	if (read_stat(pid, &stat))
		ticks = (double)(stat.user + stat.system) +
			(double)(stat.ended_user + stat.ended_system);
	DIR *proc = opendir("/proc");
	while (proc != NULL && (entry = readdir(proc)) != NULL) {
		int other = (int)strtol(entry->d_name, NULL, 10);
		if (other > 0 && read_stat(other, &stat) && stat.parent == pid)
			ticks += (double)(stat.user + stat.system);
	}
	if (proc != NULL)
		closedir(proc);
	return ticks / (double)sysconf(_SC_CLK_TCK);
}

int64_t
daemon_file_lines(const struct daemon *d)
{
	char path[300], chunk[65536];
	int64_t lines = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/events.ndjson", d->folder);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			lines += chunk[i] == '\n';
	}
	if (fd >= 0)
		close(fd);
	return lines;
}

void
daemon_stop(struct daemon *d)
{
	static const char *const files[] = { "hookswitch.ini", "hookswitch.db", "hookswitch.db-wal",
		"hookswitch.db-shm", "hookswitch.db.lock", "control.sock", "events.ndjson" };
	char path[300];

	if (d->pid > 0) {
		kill(d->pid, SIGTERM);
		waitpid(d->pid, NULL, 0);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", d->folder, files[i]);
		unlink(path);
	}
	rmdir(d->folder);
}
