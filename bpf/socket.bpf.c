// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The socket path, for whatever has a socket on this node: a frontend becomes a
 * backend at connect() or sendmsg(), before there is a packet; recvmsg() and
 * getpeername() give back the address that was dialled.
 */
#include "dial.h"

EK_ALWAYS_INLINE void ek_read_ipv4(struct bpf_sock_addr *ctx, struct ek_dial *dial)
{
	ek_addr_set_ipv4(&dial->key.addr, ctx->user_ip4);
	dial->family = EK_IPV4;
}

/* A v6 socket may dial an IPv4 address, mapped. */
EK_ALWAYS_INLINE void ek_read_ipv6(struct bpf_sock_addr *ctx, struct ek_dial *dial)
{
	dial->key.addr.w[0] = ctx->user_ip6[0];
	dial->key.addr.w[1] = ctx->user_ip6[1];
	dial->key.addr.w[2] = ctx->user_ip6[2];
	dial->key.addr.w[3] = ctx->user_ip6[3];
	dial->family = ek_addr_is_ipv4(&dial->key.addr) ? EK_IPV4 : EK_IPV6;
}

EK_ALWAYS_INLINE void ek_read_socket(struct bpf_sock_addr *ctx, struct ek_dial *dial)
{
	dial->key.cookie = bpf_get_socket_cookie(ctx);
	dial->key.port = ctx->user_port;
	dial->proto = ctx->protocol;
}

EK_ALWAYS_INLINE void ek_write_ipv4(struct bpf_sock_addr *ctx, const struct ek_sock *to)
{
	ctx->user_ip4 = to->addr.w[3];
	ctx->user_port = to->port;
}

EK_ALWAYS_INLINE void ek_write_ipv6(struct bpf_sock_addr *ctx, const struct ek_sock *to)
{
	ctx->user_ip6[0] = to->addr.w[0];
	ctx->user_ip6[1] = to->addr.w[1];
	ctx->user_ip6[2] = to->addr.w[2];
	ctx->user_ip6[3] = to->addr.w[3];
	ctx->user_port = to->port;
}

SEC("cgroup/connect4")
int sock_connect4(struct bpf_sock_addr *ctx)
{
	struct ek_sock to = {.flags = EK_SOCK_CONNECTED};
	struct ek_dial dial = {};
	int verdict;

	ek_read_ipv4(ctx, &dial);
	if (!ek_may_be_ours(&dial.key.addr))
		return EK_ALLOW;
	ek_read_socket(ctx, &dial);
	dial.netns = bpf_get_netns_cookie(ctx);
	verdict = ek_dial_choose(&dial, &to);
	if (to.port)
		ek_write_ipv4(ctx, &to);
	return verdict;
}

SEC("cgroup/connect6")
int sock_connect6(struct bpf_sock_addr *ctx)
{
	struct ek_sock to = {.flags = EK_SOCK_CONNECTED};
	struct ek_dial dial = {};
	int verdict;

	ek_read_ipv6(ctx, &dial);
	if (!ek_may_be_ours(&dial.key.addr))
		return EK_ALLOW;
	ek_read_socket(ctx, &dial);
	dial.netns = bpf_get_netns_cookie(ctx);
	verdict = ek_dial_choose(&dial, &to);
	if (to.port)
		ek_write_ipv6(ctx, &to);
	return verdict;
}

SEC("cgroup/sendmsg4")
int sock_sendmsg4(struct bpf_sock_addr *ctx)
{
	struct ek_sock to = {};
	struct ek_dial dial = {};
	int verdict;

	ek_read_ipv4(ctx, &dial);
	if (!ek_may_be_ours(&dial.key.addr))
		return EK_ALLOW;
	ek_read_socket(ctx, &dial);
	dial.netns = bpf_get_netns_cookie(ctx);
	verdict = ek_dial_datagram(&dial, &to);
	if (to.port)
		ek_write_ipv4(ctx, &to);
	return verdict;
}

SEC("cgroup/sendmsg6")
int sock_sendmsg6(struct bpf_sock_addr *ctx)
{
	struct ek_sock to = {};
	struct ek_dial dial = {};
	int verdict;

	ek_read_ipv6(ctx, &dial);
	if (!ek_may_be_ours(&dial.key.addr))
		return EK_ALLOW;
	ek_read_socket(ctx, &dial);
	dial.netns = bpf_get_netns_cookie(ctx);
	verdict = ek_dial_datagram(&dial, &to);
	if (to.port)
		ek_write_ipv6(ctx, &to);
	return verdict;
}

/* Where a datagram came from, or who is at the other end: by the name that was dialled. */
EK_ALWAYS_INLINE int ek_name_ipv4(struct bpf_sock_addr *ctx)
{
	struct ek_dial dial = {};
	struct ek_sock *orig;

	ek_read_ipv4(ctx, &dial);
	if (!ek_may_be_named(&dial.key.addr, ctx->user_port))
		return EK_ALLOW;
	ek_read_socket(ctx, &dial);
	orig = bpf_map_lookup_elem(&ek_sock_orig, &dial.key);
	if (orig)
		ek_write_ipv4(ctx, orig);
	return EK_ALLOW;
}

EK_ALWAYS_INLINE int ek_name_ipv6(struct bpf_sock_addr *ctx)
{
	struct ek_dial dial = {};
	struct ek_sock *orig;

	ek_read_ipv6(ctx, &dial);
	if (!ek_may_be_named(&dial.key.addr, ctx->user_port))
		return EK_ALLOW;
	ek_read_socket(ctx, &dial);
	orig = bpf_map_lookup_elem(&ek_sock_orig, &dial.key);
	if (orig)
		ek_write_ipv6(ctx, orig);
	return EK_ALLOW;
}

SEC("cgroup/recvmsg4")
int sock_recvmsg4(struct bpf_sock_addr *ctx)
{
	return ek_name_ipv4(ctx);
}

SEC("cgroup/recvmsg6")
int sock_recvmsg6(struct bpf_sock_addr *ctx)
{
	return ek_name_ipv6(ctx);
}

/* Kernel 5.8. */
SEC("cgroup/getpeername4")
int sock_peername4(struct bpf_sock_addr *ctx)
{
	return ek_name_ipv4(ctx);
}

SEC("cgroup/getpeername6")
int sock_peername6(struct bpf_sock_addr *ctx)
{
	return ek_name_ipv6(ctx);
}

EK_ALWAYS_INLINE bool ek_is_node_port(const struct ek_addr *any, __be16 port, __u8 proto)
{
	struct ek_frontend_key key = {
		.addr = *any, .port = port, .proto = proto, .scope = EK_SCOPE_CLUSTER};

	return bpf_map_lookup_elem(&ek_frontends, &key) != NULL;
}

/* A nodePort belongs to its Service: a process of the node that bound it would never be reached. */
EK_ALWAYS_INLINE int ek_bound(struct bpf_sock *ctx, bool ipv6)
{
	struct ek_addr any = {};
	__be16 port = bpf_htons(ctx->src_port);
	bool taken;

	if (!port || bpf_get_netns_cookie(ctx) != ek_settings.netns_cookie)
		return EK_ALLOW;
	taken = ipv6 && ek_is_node_port(&any, port, ctx->protocol);
	ek_addr_set_ipv4(&any, 0);
	/* A v6 socket may take the port of IPv4, too. */
	if (!taken && !ek_is_node_port(&any, port, ctx->protocol))
		return EK_ALLOW;
	/* Without a return value of our own, the kernel says EPERM; that it does not succeed is
	 * what counts. */
	ek_deny(EK_EADDRINUSE);
	return EK_DENY;
}

SEC("cgroup/post_bind4")
int sock_bound4(struct bpf_sock *ctx)
{
	return ek_bound(ctx, false);
}

SEC("cgroup/post_bind6")
int sock_bound6(struct bpf_sock *ctx)
{
	return ek_bound(ctx, true);
}

/* Entries of a connected socket end with it; those of others are left to the LRU. */
SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	struct ek_sock_key key = {.cookie = bpf_get_socket_cookie(ctx), .port = ctx->dst_port};
	/* Not inside the branch: the compiler would compute one pointer for both families. */
	__be32 ipv4 = *(volatile __u32 *)&ctx->dst_ip4;

	if (!key.port)
		return EK_ALLOW;
	if (ctx->family == 2 /* AF_INET */) {
		ek_addr_set_ipv4(&key.addr, ipv4);
	} else {
		key.addr.w[0] = ctx->dst_ip6[0];
		key.addr.w[1] = ctx->dst_ip6[1];
		key.addr.w[2] = ctx->dst_ip6[2];
		key.addr.w[3] = ctx->dst_ip6[3];
	}
	if (ek_may_be_named(&key.addr, key.port))
		bpf_map_delete_elem(&ek_sock_orig, &key);
	return EK_ALLOW;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
