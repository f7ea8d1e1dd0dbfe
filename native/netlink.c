/* SPDX-License-Identifier: Apache-2.0 */
/* Raw messages on NETLINK_ROUTE and NETLINK_NETFILTER sockets. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "argument.h"
#include "descriptor.h"
#include "module.h"
#include "result.h"

static int netlink_socket(int protocol, uint32_t groups)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

/* So that no message for the kernel goes out on another kind of socket. */
static int netlink_check(int fd)
{
	socklen_t size = sizeof(int);
	int domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size))
		return -errno;
	return domain == AF_NETLINK ? 0 : -EPROTOTYPE;
}

static napi_value netlink_open(napi_env env, napi_callback_info info)
{
	struct call call;
	uint32_t groups;

	if (!call_begin(&call, env, info) ||
	    !argument_u32(&call, call.arguments[0], "groups", &groups))
		return NULL;
	return result_descriptor(env, netlink_socket(NETLINK_ROUTE, groups));
}

static napi_value netfilter_open(napi_env env, napi_callback_info info)
{
	struct call call;

	if (!call_begin(&call, env, info))
		return NULL;
	return result_descriptor(env, netlink_socket(NETLINK_NETFILTER, 0));
}

static napi_value netlink_send(napi_env env, napi_callback_info info)
{
	struct bytes message;
	struct call call;
	int fd, error;
	ssize_t sent;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd) ||
	    !argument_bytes(&call, call.arguments[1], "message", &message))
		return NULL;
	if (message.size < sizeof(struct nlmsghdr)) {
		call_throw_range(&call, "message has %zu bytes, its header alone needs %zu",
				 message.size, sizeof(struct nlmsghdr));
		return NULL;
	}
	error = netlink_check(fd);
	if (error)
		return result_number(env, error);
	sent = send(fd, message.data, message.size, 0);
	return result_number(env, sent < 0 ? -errno : sent);
}

/* One datagram from the kernel; those that other processes send are passed over. */
static ssize_t netlink_read(int fd, const struct bytes *buffer)
{
	struct sockaddr_nl from = {};
	struct iovec part = {buffer->data, buffer->size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = &from};
	ssize_t size;

	do {
		message.msg_namelen = sizeof(from);
		size = recvmsg(fd, &message, MSG_DONTWAIT);
	} while ((size >= 0 && from.nl_pid != 0) || (size < 0 && errno == EINTR));
	if (size < 0)
		return errno == EAGAIN ? 0 : -errno;
	return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : size;
}

static napi_value netlink_receive(napi_env env, napi_callback_info info)
{
	struct bytes buffer;
	struct call call;
	int fd, error;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd) ||
	    !argument_bytes(&call, call.arguments[1], "buffer", &buffer))
		return NULL;
	if (buffer.size == 0) {
		call_throw_range(&call, "buffer has no bytes");
		return NULL;
	}
	error = netlink_check(fd);
	return result_number(env, error ? error : netlink_read(fd, &buffer));
}

const struct function netlink_functions[] = {
	{"netlinkOpen", netlink_open},
	{"netfilterOpen", netfilter_open},
	{"netlinkSend", netlink_send},
	{"netlinkReceive", netlink_receive},
	{},
};
