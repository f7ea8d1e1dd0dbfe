/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* At tc: a packet goes on to another host, or its sender is told why it can't. */
#ifndef EK_GO_ON_H
#define EK_GO_ON_H

#include "route.h"
#include "verdict.h"

/* The packet is answered with an ICMP error, from where it was sent to. */
EK_ALWAYS_INLINE int ek_answer_or_drop(ek_ctx *ctx, struct ek_packet *p, __u32 service, __u32 say,
				       __u32 reason)
{
	int failed = ek_refuse(ctx, p, say);

	if (failed)
		return ek_drop(p, service, failed == EK_REASON_ANSWERS_CAPPED ? failed : reason);
	ek_report_rejected(&p->tuple, service, reason, EK_EVENT_REFUSE);
	return bpf_redirect(ek_ifindex(ctx), 0);
}

/* Before anything is written: 0 when the packet may go on to `to`, by ek_route_of(); else its
 * verdict. */
static __noinline int ek_may_go_on(ek_ctx *ctx, struct ek_packet *p, const struct ek_endpoints *to,
				   __u32 service)
{
	/* No link is too small for this. */
	__u32 length = ek_keeps_whole(ctx, p) ? ek_wire_length(ctx, p) : sizeof(struct iphdr);
	int result = ek_route(ctx, p, &to->saddr, &to->daddr, length);
	struct bpf_fib_lookup *route = ek_route_of();

	if (result == BPF_FIB_LKUP_RET_FRAG_NEEDED && route)
		return ek_answer_or_drop(ctx, p, service, EK_SAY_MTU(route->mtu_result),
					 EK_REASON_TOO_BIG);
	if (!ek_is_way(result))
		return ek_drop(p, service, EK_REASON_NO_ROUTE);
	if (ek_hops_left(ctx, p) <= 1)
		return ek_answer_or_drop(ctx, p, service, EK_SAY_HOPS, EK_REASON_HOPS);
	return 0;
}

/* After ek_may_go_on(), and with the new addresses written. */
EK_ALWAYS_INLINE int ek_go_on(ek_ctx *ctx, struct ek_packet *p, __u32 service)
{
	struct bpf_fib_lookup *route = ek_route_of();
	struct bpf_redir_neigh next = {};

	if (!route || ek_take_hop(ctx, p))
		return ek_drop(p, service, EK_REASON_REWRITE_FAILED);
	/* Of either family: an IPv4 packet's next router may have an IPv6 address (RFC 5549). */
	next.nh_family = route->family;
	__builtin_memcpy(next.ipv6_nh, route->ipv6_dst, sizeof(next.ipv6_nh));
	return bpf_redirect_neigh(route->ifindex, &next, sizeof(next), 0);
}

#endif
