/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces, and iterators over what is in them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "argument.h"
#include "descriptor.h"
#include "module.h"
#include "result.h"

/* Linux 5.14 */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static napi_value netns_cookie(napi_env env, napi_callback_info info)
{
	struct call call;
	uint64_t cookie;
	socklen_t size = sizeof(cookie);
	napi_value result;
	int fd, error;

	if (!call_begin(&call, env, info))
		return NULL;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return result_number(env, -errno);
	error = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) ? -errno : 0;
	close(fd);
	if (error)
		return result_number(env, error);
	return napi_create_bigint_uint64(env, cookie, &result) == napi_ok ? result : NULL;
}

/* Linux 5.8 */
static napi_value attach_iterator(napi_env env, napi_callback_info info)
{
	struct call call;
	int program;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "programFd", &program))
		return NULL;
	return result_descriptor(env, bpf_link_create(program, 0, BPF_TRACE_ITER, NULL));
}

/* Runs to the end; what the program writes is thrown away. Bytes or -errno. */
static int64_t iterate(int link)
{
	char buffer[4096];
	int64_t total = 0;
	ssize_t length;
	int fd = bpf_iter_create(link);

	if (fd < 0)
		return fd;
	while ((length = read(fd, buffer, sizeof(buffer))) > 0 || (length < 0 && errno == EAGAIN))
		total += length > 0 ? length : 0;
	if (length < 0)
		total = -errno;
	close(fd);
	return total;
}

/*
 * An iterator sees the namespace in which it was opened. Only this thread moves,
 * and it comes back; when it can't, nothing that it does later would be right.
 */
static int64_t iterate_in(int link, const char *netns)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int target = open(netns, O_RDONLY | O_CLOEXEC);
	int64_t result;

	if (home < 0 || target < 0 || setns(target, CLONE_NEWNET)) {
		result = -errno;
	} else {
		result = iterate(link);
		if (setns(home, CLONE_NEWNET))
			abort();
	}
	if (home >= 0)
		close(home);
	if (target >= 0)
		close(target);
	return result;
}

static napi_value iterator_run(napi_env env, napi_callback_info info)
{
	struct call call;
	char netns[256];
	int link;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "linkFd", &link) ||
	    !argument_string(&call, call.arguments[1], "netns", netns, sizeof(netns)))
		return NULL;
	return result_number(env, iterate_in(link, netns));
}

const struct function netns_functions[] = {
	{"netnsCookie", netns_cookie},
	{"attachIterator", attach_iterator},
	{"iteratorRun", iterator_run},
	{},
};
