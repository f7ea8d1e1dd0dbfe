/* SPDX-License-Identifier: Apache-2.0 */
/* What client.c and server.c agree on: a request of EK_SIZE bytes, and an answer of as many. */
#ifndef EK_ECHO_H
#define EK_ECHO_H

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define EK_SIZE 64
/* The first byte of a request: the server keeps the connection, or closes it after its answer. */
#define EK_KEEP	 'k'
#define EK_CLOSE 'c'

static inline void ek_check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* Small messages must not wait for company. */
static inline void ek_no_delay(int fd)
{
	int one = 1;

	ek_check(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
}

/*
 * Client and server share one processor. Left to the scheduler, they are on one or on two
 * from one moment to the next, and that is a difference of half the time of a request.
 */
static inline void ek_stay(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &one);
	ek_check(!sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

#endif
