/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Under which address a backend sees the client of a new flow. */
#ifndef EK_SOURCE_H
#define EK_SOURCE_H

#include "flow.h"
#include "ranges.h"
#include "report.h"
#include "route.h"

EK_ALWAYS_INLINE bool ek_is_masqueraded(const struct ek_packet *p)
{
	if (ek_settings.masquerade == EK_MASQUERADE_STRANGERS)
		return !ek_in_ranges(0, &p->tuple.saddr);
	return ek_settings.masquerade == EK_MASQUERADE_ALL;
}

/*
 * The backend is talked to in this node's name, so that its replies come back here:
 * over an uplink, where they are waited for, or with `anywhere` over any device. One
 * that no route leads away to (it shares this node's network) is the stack's to reach.
 */
EK_ALWAYS_INLINE void ek_take_name(ek_ctx *ctx, struct ek_packet *p, struct ek_flow *flow,
				   bool anywhere)
{
	struct bpf_fib_lookup *route = ek_route_of();
	const struct ek_addr *name;
	struct ek_uplink *uplink;
	__u32 ifindex;

	if (!route ||
	    !ek_is_way(ek_route(ctx, p, &flow->saddr, &flow->daddr, sizeof(struct iphdr))))
		return;
	ifindex = route->ifindex;
	uplink = bpf_map_lookup_elem(&ek_uplinks, &ifindex);
	if (!uplink && anywhere) {
		ifindex = 0;
		uplink = bpf_map_lookup_elem(&ek_uplinks, &ifindex);
	}
	if (!uplink)
		return;
	name = p->family == EK_IPV4 ? &uplink->ipv4 : &uplink->ipv6;
	if (ek_addr_is_any(name))
		return;
	flow->saddr = *name;
	flow->flags = EK_FLOW_FORWARD;
}

#endif
