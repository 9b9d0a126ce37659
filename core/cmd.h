/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd.h - the commands of the program; argv[0] is the command's name. Each returns the exit status.
 */
#ifndef CMD_H
#define CMD_H

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
int cmd_replay(int argc, char **argv);
int cmd_instance(int argc, char **argv);
int cmd_webhook(int argc, char **argv);
int cmd_rekey(int argc, char **argv);
int cmd_tail(int argc, char **argv);
int cmd_migrate(int argc, char **argv);

#endif
