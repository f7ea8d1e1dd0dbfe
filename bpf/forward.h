/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet goes the way of its flow: up the stack, back where it came from, or on to another node.
 */
#ifndef EK_FORWARD_H
#define EK_FORWARD_H

#include "fragment.h"
#include "go_on.h"
#include "icmp.h"
#include "lookup.h"
#include "open.h"

/* After its headers have been written. */
EK_ALWAYS_INLINE int ek_leave(struct __sk_buff *skb, struct ek_packet *p, __u8 flags, __u32 service)
{
	if (!(flags & EK_FLOW_REPLY))
		ek_set_led(skb);
	if (flags & EK_FLOW_FORWARD)
		return ek_go_on(skb, p, service);
	if (!(flags & EK_FLOW_HAIRPIN))
		return EK_PASS;
	if (ek_turn_back(skb))
		return ek_drop(p, service, EK_REASON_REWRITE_FAILED);
	return bpf_redirect(skb->ifindex, 0);
}

EK_ALWAYS_INLINE int ek_forward(struct __sk_buff *skb, struct ek_packet *p,
				const struct ek_flow *flow)
{
	__u32 service = flow->service;
	__u8 flags = flow->flags;
	struct ek_endpoints to;
	int verdict;

	ek_flow_endpoints(flow, &to);
	/* Its checksum covers what is in the other fragments, and where they end. */
	if (p->tuple.proto == IPPROTO_SCTP && p->fragment == EK_FIRST_FRAGMENT &&
	    (to.sport != p->tuple.sport || to.dport != p->tuple.dport))
		return ek_drop(p, service, EK_REASON_SCTP_FRAGMENT);
	verdict = flags & EK_FLOW_FORWARD ? ek_may_go_on(skb, p, &to, service) : 0;
	if (verdict)
		return verdict;
	ek_count_packet(service, skb->len - p->l3);
	if (ek_rewrite(skb, p, &to))
		return ek_drop(p, service, EK_REASON_REWRITE_FAILED);
	return ek_leave(skb, p, flags, service);
}

/* Says in a new flow under which address the backend sees the client: its own, unless changed. */
typedef void (*ek_source_choice)(struct __sk_buff *, struct ek_packet *, const struct ek_choice *,
				 struct ek_flow *);

/* A flow's first packet. */
EK_ALWAYS_INLINE int ek_open(struct __sk_buff *skb, struct ek_packet *p,
			     const struct ek_frontend *frontend, ek_source_choice choose_source)
{
	struct ek_choice choice = {};
	struct ek_flow *flow = ek_flow_of();
	__u64 now = ek_now();
	int reason;

	if (!flow)
		return ek_drop(p, frontend->service, EK_REASON_FLOW_NOT_STORED);
	if (p->fragment == EK_FIRST_FRAGMENT)
		ek_fragment_learn(p, now);
	reason = ek_open_choose(p, frontend, now, flow, &choice);
	if (!reason) {
		choose_source(skb, p, &choice, flow);
		reason =
			ek_open_store(flow->flags & EK_FLOW_FORWARD ? skb : NULL, p, flow, &choice);
	}
	return reason ? ek_drop(p, frontend->service, reason) : ek_forward(skb, p, flow);
}

/* A packet of a flow that is known. */
EK_ALWAYS_INLINE int ek_follow(struct __sk_buff *skb, struct ek_packet *p, struct ek_flow *flow)
{
	ek_flow_touch(p, flow);
	if (p->fragment == EK_FIRST_FRAGMENT)
		ek_fragment_learn(p, ek_now());
	return ek_forward(skb, p, flow);
}

/* An ICMP error about a flow of ours; false when it is about nothing of ours. */
EK_ALWAYS_INLINE bool ek_follow_icmp(struct __sk_buff *skb, struct ek_packet *p, int *verdict)
{
	struct ek_packet *quote = ek_quote_of();
	struct ek_flow *flow = quote ? ek_icmp_flow(skb, p, quote) : NULL;
	struct ek_endpoints to;
	__u32 service;
	__u8 flags;

	if (!flow)
		return false;
	service = flow->service;
	flags = flow->flags;
	ek_flow_endpoints(flow, &to);
	*verdict = flags & EK_FLOW_FORWARD ? ek_may_go_on(skb, p, &to, service) : 0;
	if (*verdict)
		return true;
	if (ek_icmp_rewrite(skb, p, quote, &to, flags & EK_FLOW_FORWARD))
		*verdict = ek_drop(p, service, EK_REASON_REWRITE_FAILED);
	else
		*verdict = ek_leave(skb, p, flags, service);
	return true;
}

/* What leaves this node, to a pod or to the outside: replies get the name that was dialled. */
EK_ALWAYS_INLINE int ek_undo(struct __sk_buff *skb, struct ek_packet *p)
{
	struct ek_flow *flow;
	int verdict;

	if (p->kind == EK_KIND_ICMP_ERROR && ek_follow_icmp(skb, p, &verdict))
		return verdict;
	if (p->kind != EK_KIND_PORTS)
		return EK_PASS;
	if (p->fragment == EK_LATER_FRAGMENT && !ek_fragment_recall(p, ek_now()))
		return EK_PASS;
	flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);
	if (!flow)
		return EK_PASS;
	if (ek_flow_is_taken(p, flow)) {
		ek_flow_yield(p, flow);
		return EK_PASS;
	}
	return ek_follow(skb, p, flow);
}

/* What is for no Service goes its way, with another source port where that would be taken for a
 * Service's. */
EK_ALWAYS_INLINE int ek_pass_by(struct __sk_buff *skb, struct ek_packet *p)
{
	struct ek_flow *flow = ek_flow_of();

	if (!ek_flow_in_the_way(p) || !flow)
		return EK_PASS;
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->saddr = p->tuple.saddr;
	flow->daddr = p->tuple.daddr;
	flow->sport = p->tuple.sport;
	flow->dport = p->tuple.dport;
	flow->seen = ek_now();
	flow->state = EK_FLOW_OPENING;
	ek_note_stranger(&p->tuple.daddr);
	return ek_flow_store(NULL, p, flow) > 0 ? EK_PASS : ek_forward(skb, p, flow);
}

#endif
