/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

/* libbpf has one print function per process, but workers load on several threads. */
static _Thread_local struct log *current;

static void log_append(struct log *log, const char *text, size_t length)
{
	const size_t room = LOG_SIZE - 1;
	size_t kept = log->length;

	if (!log->text)
		log->text = malloc(LOG_SIZE);
	if (!log->text)
		return;
	if (length > room) {
		text += length - room;
		length = room;
	}
	if (kept > room - length)
		kept = room - length;
	memmove(log->text, log->text + log->length - kept, kept);
	memcpy(log->text + kept, text, length);
	log->length = kept + length;
	log->text[log->length] = '\0';
}

static int log_print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *text;
	int length;

	if (!current || level == LIBBPF_DEBUG)
		return 0;
	length = vasprintf(&text, format, arguments);
	if (length < 0)
		return 0;
	log_append(current, text, length);
	free(text);
	return 0;
}

void log_begin(void)
{
	libbpf_set_print(log_print);
}

void log_collect(struct log *log)
{
	current = log;
}
