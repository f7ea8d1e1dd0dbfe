/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf's messages, which hold the verifier's log when a program is refused. */
#ifndef EK_LOG_H
#define EK_LOG_H

#include <stddef.h>

/* The reason for a refusal stands at the end of the log, so the end is kept. */
#define LOG_SIZE (256 * 1024)

struct log {
	char *text; /* NUL-terminated; NULL before the first message */
	size_t length;
};

/* Takes over libbpf's output. Without log_collect, nothing is kept or printed. */
void log_begin(void);

/* Collects the messages of this thread into log, until the call with NULL. */
void log_collect(struct log *log);

#endif
