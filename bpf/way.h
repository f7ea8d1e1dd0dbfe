/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way from one address to another, as the kernel last said. bpf_fib_lookup() takes
 * 120 to 270 ns (6.18), half of all that a forwarded packet costs; so each CPU keeps what
 * it heard for a few jiffies. A route that changes is followed that much later.
 */
#ifndef EK_WAY_H
#define EK_WAY_H

#include "route.h"

#define EK_WAYS 256u

struct way {
	struct ek_addr saddr;
	struct ek_addr daddr;
	__u32 from; /* interface index that the packet came in by */
	__u32 to;   /* and is to leave by */
	__u8 dmac[ETH_ALEN];
	__u8 smac[ETH_ALEN];
	__u16 mtu; /* of IP; packets up to here may go. 0: nothing is known */
	__u16 zero;
	__u32 age; /* ek_way_age() when this was heard */
};

/* Without the prefix of shared maps: not pinned, not read by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EK_WAYS);
	__type(key, __u32);
	__type(value, struct way);
} ways SEC(".maps");

/* Changes every 16 jiffies: 16 ms at 1000 Hz, 160 ms at 100 Hz. */
EK_ALWAYS_INLINE __u32 ek_way_age(void)
{
	return bpf_jiffies64() >> 4;
}

EK_ALWAYS_INLINE __u32 ek_way_slot(const struct ek_endpoints *ends)
{
	__u32 hash = ends->saddr.w[3] + ends->saddr.w[2];

	hash = hash * 0x9e3779b1u ^ ends->daddr.w[3] ^ ends->daddr.w[2] ^ ends->daddr.w[1];
	return hash * 0x85ebca6bu >> 24;
}

EK_ALWAYS_INLINE bool ek_way_leads(const struct way *way, ek_ctx *ctx,
				   const struct ek_endpoints *ends, __u32 length)
{
	return way->age == ek_way_age() && way->from == ek_ifindex(ctx) && length <= way->mtu &&
	       ek_addr_equal(&way->daddr, &ends->daddr) && ek_addr_equal(&way->saddr, &ends->saddr);
}

/* Asks the kernel. False: there is no way that needs nothing of the stack. */
static __noinline int ek_way_ask(ek_ctx *ctx, struct ek_packet *p, const struct ek_endpoints *ends,
				 struct way *way)
{
	struct bpf_fib_lookup *route = ek_route_of();
	__u32 length = p->end - p->l3;

	way->mtu = 0;
	if (!route || ek_route(ctx, p, &ends->saddr, &ends->daddr, length))
		return false;
	way->saddr = ends->saddr;
	way->daddr = ends->daddr;
	way->from = ek_ifindex(ctx);
	way->to = route->ifindex;
	__builtin_memcpy(way->dmac, route->dmac, ETH_ALEN);
	__builtin_memcpy(way->smac, route->smac, ETH_ALEN);
	/* Before kernel 5.12 still the length that was asked for. */
	way->mtu = route->mtu_result;
	way->age = ek_way_age();
	return true;
}

/* NULL when the stack has to find the way. */
EK_ALWAYS_INLINE struct way *ek_way_of(ek_ctx *ctx, struct ek_packet *p,
				       const struct ek_endpoints *ends)
{
	__u32 slot = ek_way_slot(ends);
	struct way *way = bpf_map_lookup_elem(&ways, &slot);

	if (!way)
		return NULL;
	if (ek_way_leads(way, ctx, ends, p->end - p->l3))
		return way;
	return ek_way_ask(ctx, p, ends, way) ? way : NULL;
}

#endif
