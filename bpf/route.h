/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* On to another host, as a router does it (RFC 1812 5.2): the kernel's routes and neighbours, our
 * headers. */
#ifndef EK_ROUTE_H
#define EK_ROUTE_H

#include "nat.h"
#include "scratch.h"

#define EK_AF_INET  2
#define EK_AF_INET6 10
#define EK_IP_DF    0x4000

/* Bytes of IP that the packet's largest piece has on the wire: of one segment, where they are many
 * in one. */
EK_ALWAYS_INLINE __u32 ek_wire_length(ek_ctx *ctx, const struct ek_packet *p)
{
	__u32 header = p->l4 - p->l3;
	__u8 *tcp;

	if (!ek_segment(ctx))
		return p->end - p->l3;
	if (p->tuple.proto != IPPROTO_TCP)
		return header + sizeof(struct udphdr) + ek_segment(ctx);
	tcp = ek_at(ctx, p->l4, sizeof(struct tcphdr));
	return tcp ? header + (tcp[12] >> 4) * 4 + ek_segment(ctx) : header;
}

/* False for IPv4 packets that any router may break up: they are sent as they are. */
EK_ALWAYS_INLINE bool ek_keeps_whole(ek_ctx *ctx, const struct ek_packet *p)
{
	struct iphdr *ip;

	if (p->family == EK_IPV6)
		return true;
	ip = ek_at(ctx, p->l3, sizeof(*ip));
	return ip && ip->frag_off & bpf_htons(EK_IP_DF);
}

/*
 * Asks the kernel for the way of a packet to `daddr`; the answer lies in ek_route_of(). `length`:
 * of IP. Returns BPF_FIB_LKUP_RET_*.
 */
static __noinline int ek_route(ek_ctx *ctx, struct ek_packet *p, const struct ek_addr *saddr,
			       const struct ek_addr *daddr, __u32 length)
{
	struct bpf_fib_lookup *route = ek_route_of();
	long result;

	if (!route)
		return BPF_FIB_LKUP_RET_UNREACHABLE;
	__builtin_memset(route, 0, sizeof(*route));
	route->ifindex = ek_ifindex(ctx);
	route->tot_len = length > 0xffff ? 0xffff : length;
	if (p->family == EK_IPV4) {
		route->family = EK_AF_INET;
		route->ipv4_src = saddr->w[3];
		route->ipv4_dst = daddr->w[3];
	} else {
		route->family = EK_AF_INET6;
		__builtin_memcpy(route->ipv6_src, saddr, sizeof(*saddr));
		__builtin_memcpy(route->ipv6_dst, daddr, sizeof(*daddr));
	}
	result = bpf_fib_lookup(ctx, route, sizeof(*route), 0);
	return result < 0 ? BPF_FIB_LKUP_RET_UNREACHABLE : result;
}

/* There is a way, perhaps over a neighbour whose MAC is not known yet: the stack will ask for it.
 */
EK_ALWAYS_INLINE bool ek_is_way(int route)
{
	return route == BPF_FIB_LKUP_RET_SUCCESS || route == BPF_FIB_LKUP_RET_NO_NEIGH;
}

EK_ALWAYS_INLINE __u8 ek_hops_left(ek_ctx *ctx, const struct ek_packet *p)
{
	__u8 *hops = ek_at(ctx, p->l3 + (p->family == EK_IPV4 ? 8 : 7), 1);

	return hops ? *hops : 0;
}

/* Counts this node as a router on the way. */
EK_ALWAYS_INLINE int ek_take_hop(ek_ctx *ctx, const struct ek_packet *p)
{
	struct iphdr *ip = ek_at(ctx, p->l3, sizeof(*ip));
	__be16 *words = (__be16 *)ip, before;

	if (!ip)
		return -1;
	if (p->family == EK_IPV4) {
		before = words[4];
		ip->ttl--;
		ip->check = ek_csum_update(ip->check,
					   ek_csum_fold64(ek_csum_replace16(0, before, words[4])));
	} else {
		before = words[3];
		((struct ipv6hdr *)ip)->hop_limit--;
		/* No checksum covers it but a device's own. */
		ek_device_sum_add(ctx, ek_csum_fold64(ek_csum_replace16(0, before, words[3])));
	}
	return 0;
}

#endif
