/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The node's own connections: what goes on in its name must not look like one of them. */
#ifndef EK_OWN_SOCKET_H
#define EK_OWN_SOCKET_H

#include <linux/in.h>
#include "packet.h"

EK_ALWAYS_INLINE __u32 ek_sock_tuple(const struct ek_tuple *reply, struct bpf_sock_tuple *tuple)
{
	if (ek_addr_is_ipv4(&reply->saddr)) {
		tuple->ipv4.saddr = reply->saddr.w[3];
		tuple->ipv4.daddr = reply->daddr.w[3];
		tuple->ipv4.sport = reply->sport;
		tuple->ipv4.dport = reply->dport;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, &reply->saddr, sizeof(reply->saddr));
	__builtin_memcpy(tuple->ipv6.daddr, &reply->daddr, sizeof(reply->daddr));
	tuple->ipv6.sport = reply->sport;
	tuple->ipv6.dport = reply->dport;
	return sizeof(tuple->ipv6);
}

/*
 * True when a packet of this tuple would be for a socket of the node. A listening
 * one does not count: it is no end of a connection to a backend's own port. Of UDP
 * every socket does, because one that is not connected may talk to anybody.
 */
static __noinline int ek_own_socket(ek_ctx *ctx, const struct ek_tuple *reply)
{
	struct bpf_sock_tuple tuple = {};
	__u32 size = ek_sock_tuple(reply, &tuple);
	struct bpf_sock *sock;
	int own;

	if (reply->proto == IPPROTO_TCP) {
		sock = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
		if (!sock)
			return 0;
		own = sock->state != BPF_TCP_LISTEN;
		bpf_sk_release(sock);
		return own;
	}
	sock = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return 0;
	bpf_sk_release(sock);
	return 1;
}

#endif
