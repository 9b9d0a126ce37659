/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - what the service manager is told (sd_notify(3)'s protocol: one datagram a message) and what
 * it hands over: a watchdog's interval, sockets that already listen. All of it comes by the environment;
 * without a service manager nothing happens. Main thread.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Sends "READY=1", "STATUS=text" and the like, several lines at once if need be. A message that cannot
 * be sent is lost: the manager's time-outs are there for that. */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* How often the manager wants to hear "WATCHDOG=1" at the latest; 0: it does not. */
int64_t notify_watchdog_ms(void);

#define NOTIFY_SOCKET_TEXT 128 /* bytes */

/* How many sockets were handed over. */
unsigned notify_sockets(void);
/* The listening socket for this address that was handed over, as a descriptor of its own, non-blocking
 * and close on exec; -1: there is none. Any-addresses of both families count as the same. */
int notify_socket(const struct sockaddr *address);
/* Whether `fd` listens at the address of the i-th one that was handed over, from 0. */
bool notify_is_socket(unsigned i, int fd);
/* Its address as `listen` has it, or what is wrong with it, into `text` of NOTIFY_SOCKET_TEXT bytes. */
void notify_print_socket(unsigned i, char *text, size_t size);

#endif
