/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and pins. */
#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "argument.h"
#include "module.h"
#include "result.h"

/* One byte for each descriptor number: 1 when it is ours. Of the whole process. */
static struct {
	pthread_mutex_t lock;
	uint8_t *ours;
	size_t size;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int table_grow(size_t size)
{
	uint8_t *ours = realloc(table.ours, size);

	if (!ours)
		return -ENOMEM;
	memset(ours + table.size, 0, size - table.size);
	table.ours = ours;
	table.size = size;
	return 0;
}

static int table_add(int fd)
{
	int error = 0;

	pthread_mutex_lock(&table.lock);
	if ((size_t)fd >= table.size)
		error = table_grow(2 * (size_t)fd + 64);
	if (!error)
		table.ours[fd] = 1;
	pthread_mutex_unlock(&table.lock);
	return error;
}

static bool table_remove(int fd)
{
	bool ours;

	pthread_mutex_lock(&table.lock);
	ours = (size_t)fd < table.size && table.ours[fd];
	if (ours)
		table.ours[fd] = 0;
	pthread_mutex_unlock(&table.lock);
	return ours;
}

napi_value result_descriptor(napi_env env, int fd)
{
	int error = fd >= 0 ? table_add(fd) : fd;

	if (fd >= 0 && error)
		close(fd);
	return result_number(env, error ? error : fd);
}

enum descriptor_kind descriptor_kind(int fd)
{
	char path[32], target[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	if (!strcmp(target, "anon_inode:bpf-map"))
		return DESCRIPTOR_MAP;
	if (!strcmp(target, "anon_inode:bpf-prog"))
		return DESCRIPTOR_PROGRAM;
	/* The first name when the link is made, the second when it is opened again. */
	if (!strcmp(target, "anon_inode:bpf_link") || !strcmp(target, "anon_inode:bpf-link"))
		return DESCRIPTOR_LINK;
	return DESCRIPTOR_OTHER;
}

static napi_value descriptor_close(napi_env env, napi_callback_info info)
{
	struct call call;
	int fd;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd))
		return NULL;
	if (!table_remove(fd))
		return result_number(env, -EBADF);
	return result_number(env, close(fd) ? -errno : 0);
}

static napi_value descriptor_pin(napi_env env, napi_callback_info info)
{
	struct call call;
	char path[PATH_MAX];
	int fd;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd) ||
	    !argument_string(&call, call.arguments[1], "path", path, sizeof(path)))
		return NULL;
	return result_number(env, bpf_obj_pin(fd, path));
}

static napi_value descriptor_open_pinned(napi_env env, napi_callback_info info)
{
	struct call call;
	char path[PATH_MAX];

	if (!call_begin(&call, env, info) ||
	    !argument_string(&call, call.arguments[0], "path", path, sizeof(path)))
		return NULL;
	return result_descriptor(env, bpf_obj_get(path));
}

static napi_value descriptor_open_folder(napi_env env, napi_callback_info info)
{
	struct call call;
	char path[PATH_MAX];
	int fd;

	if (!call_begin(&call, env, info) ||
	    !argument_string(&call, call.arguments[0], "path", path, sizeof(path)))
		return NULL;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return result_descriptor(env, fd < 0 ? -errno : fd);
}

const struct function descriptor_functions[] = {
	{"close", descriptor_close},
	{"pin", descriptor_pin},
	{"openPinned", descriptor_open_pinned},
	{"openFolder", descriptor_open_folder},
	{},
};
