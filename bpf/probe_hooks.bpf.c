// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * For each hook of a cgroup that the socket path uses a program that changes
 * nothing: agent/preflight attaches it for a moment, to see whether it could.
 * The names are those of the programs of socket.bpf.c.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ADDRESS_HOOK(section, name)                                                                \
	SEC("cgroup/" section)                                                                     \
	int name(struct bpf_sock_addr *ctx)                                                        \
	{                                                                                          \
		return 1;                                                                          \
	}

#define SOCKET_HOOK(section, name)                                                                 \
	SEC("cgroup/" section)                                                                     \
	int name(struct bpf_sock *ctx)                                                             \
	{                                                                                          \
		return 1;                                                                          \
	}

ADDRESS_HOOK("connect4", sock_connect4)
ADDRESS_HOOK("connect6", sock_connect6)
ADDRESS_HOOK("sendmsg4", sock_sendmsg4)
ADDRESS_HOOK("sendmsg6", sock_sendmsg6)
ADDRESS_HOOK("recvmsg4", sock_recvmsg4)
ADDRESS_HOOK("recvmsg6", sock_recvmsg6)
ADDRESS_HOOK("getpeername4", sock_peername4)
ADDRESS_HOOK("getpeername6", sock_peername6)
SOCKET_HOOK("post_bind4", sock_bound4)
SOCKET_HOOK("post_bind6", sock_bound6)
SOCKET_HOOK("sock_release", sock_release)

char ek_license[] SEC("license") = "Dual BSD/GPL";
