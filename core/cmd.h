/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd.h - the commands of the program; argv[0] is the command's name. Each returns the exit status.
 */
#ifndef CMD_H
#define CMD_H

#include <stdbool.h>

struct config;
struct option;

enum cmd_exit {
	CMD_OK = 0,
	CMD_FAILED = 1,     /* it did not work, or the configuration has errors */
	CMD_USAGE = 2,      /* called wrongly */
	CMD_UNREACHABLE = 3 /* no daemon answers */
};

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_plugins(int argc, char **argv);
int cmd_translate(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_dead(int argc, char **argv);
int cmd_deliveries(int argc, char **argv);
int cmd_enable(int argc, char **argv);
int cmd_skip(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_instance(int argc, char **argv);
int cmd_webhook(int argc, char **argv);
int cmd_websocket(int argc, char **argv);
int cmd_rekey(int argc, char **argv);
int cmd_tail(int argc, char **argv);
int cmd_migrate(int argc, char **argv);

/* ---- what they have in common ---- */

/* Takes what every command has, -c and -h, and complains about what none has. -1: go on; otherwise the exit
 * status. */
int cmd_option(int c, const char *usage, const char **config_path);
/* A set of options by their letters, which are small: the one of c. */
unsigned cmd_letter(int c);
/* Whether an action of the command takes all options that were given: those of `letters`, -c and -h. Else it says which
 * one it does not take. */
bool cmd_takes(const char *command, const char *action, const char *letters, const struct option *,
	unsigned given);
/* Prints the usage; CMD_USAGE. */
int cmd_wrong_usage(const char *usage);
/* The part of the configuration that a client of the daemon needs. NULL: its errors were printed. */
struct config *cmd_client_config(const char *path);
/* The exit status for what a client's function returned: HSW_ECLOSED is no daemon that answers. */
int cmd_status_of(int rc);

#endif
