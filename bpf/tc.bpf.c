// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet path at a pod device, for clients that have no socket on this node:
 * what comes from the pod is sent to a backend, what goes to it gets the name it dialled.
 */
#include "flow.h"
#include "fragment.h"
#include "icmp.h"
#include "lookup.h"
#include "nat.h"
#include "open.h"
#include "parse.h"
#include "scratch.h"
#include "verdict.h"

/* Sends a packet the way of its flow. */
EK_ALWAYS_INLINE int ek_forward(struct __sk_buff *skb, struct ek_packet *p,
				const struct ek_endpoints *to, __u32 service, bool hairpin)
{
	ek_count_packet(service, skb->len - p->l3);
	if (ek_rewrite(skb, p, to) || (hairpin && ek_turn_back(skb)))
		return ek_drop(p, service, EK_REASON_REWRITE_FAILED);
	return hairpin ? bpf_redirect(skb->ifindex, 0) : EK_PASS;
}

/* A flow's first packet. */
EK_ALWAYS_INLINE int ek_open(struct __sk_buff *skb, struct ek_packet *p,
			     const struct ek_frontend *frontend, __u64 now)
{
	struct ek_choice choice = {};
	struct ek_flow *flow = ek_flow_of();
	struct ek_endpoints to;
	int reason;

	if (!flow)
		return ek_drop(p, frontend->service, EK_REASON_FLOW_NOT_STORED);
	reason = ek_open_choose(p, frontend, now, flow, &choice);
	if (!reason && ek_addr_equal(&flow->saddr, &flow->daddr)) {
		/* No host takes a packet from its own address: the pod meets itself as the Service.
		 */
		flow->flags = EK_FLOW_HAIRPIN;
		flow->saddr = p->tuple.daddr;
	}
	if (!reason)
		reason = ek_open_store(NULL, p, flow, &choice);
	if (reason)
		return ek_drop(p, frontend->service, reason);
	ek_flow_endpoints(flow, &to);
	return ek_forward(skb, p, &to, flow->service, flow->flags & EK_FLOW_HAIRPIN);
}

/* Follows an existing flow. */
EK_ALWAYS_INLINE int ek_follow(struct __sk_buff *skb, struct ek_packet *p, struct ek_flow *flow)
{
	struct ek_endpoints to;

	ek_flow_touch(p, flow);
	if (p->fragment == EK_FIRST_FRAGMENT)
		ek_fragment_learn(p, ek_now());
	ek_flow_endpoints(flow, &to);
	return ek_forward(skb, p, &to, flow->service, flow->flags & EK_FLOW_HAIRPIN);
}

/* An ICMP error about a flow of ours; false when it is about nothing of ours. */
EK_ALWAYS_INLINE bool ek_follow_icmp(struct __sk_buff *skb, struct ek_packet *p, int *verdict)
{
	struct ek_packet *quote = ek_quote_of();
	struct ek_flow *flow = quote ? ek_icmp_flow(skb, p, quote) : NULL;
	struct ek_endpoints to;

	if (!flow)
		return false;
	ek_flow_endpoints(flow, &to);
	*verdict = EK_PASS;
	if (ek_icmp_rewrite(skb, p, quote, &to)) {
		*verdict = ek_drop(p, flow->service, EK_REASON_REWRITE_FAILED);
	} else if (flow->flags & EK_FLOW_HAIRPIN) {
		if (ek_turn_back(skb))
			*verdict = ek_drop(p, flow->service, EK_REASON_REWRITE_FAILED);
		else
			*verdict = bpf_redirect(skb->ifindex, 0);
	}
	return true;
}

/* A later fragment of a datagram whose first one taught us nothing. */
EK_ALWAYS_INLINE int ek_unknown_fragment(struct ek_packet *p)
{
	if (!ek_lookup_address(&p->tuple.daddr))
		return EK_PASS;
	return ek_drop(p, 0, EK_REASON_FRAGMENT_UNKNOWN);
}

/* ICMP and whatever else has no ports, or an error about nothing of ours. */
EK_ALWAYS_INLINE int ek_other(struct __sk_buff *skb, struct ek_packet *p)
{
	struct ek_frontend *address = ek_lookup_address(&p->tuple.daddr);

	return address ? ek_nobody(skb, p, address) : EK_PASS;
}

EK_ALWAYS_INLINE int ek_from_pod(struct __sk_buff *skb, struct ek_packet *p)
{
	struct ek_frontend *frontend;
	struct ek_flow *flow;
	int verdict;

	if (p->kind == EK_KIND_ICMP_ERROR && ek_follow_icmp(skb, p, &verdict))
		return verdict;
	if (p->kind != EK_KIND_PORTS)
		return ek_other(skb, p);
	if (p->fragment == EK_LATER_FRAGMENT && !ek_fragment_recall(p, ek_now()))
		return ek_unknown_fragment(p);
	flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);
	if (flow) {
		if (ek_flow_serves(p, flow))
			return ek_follow(skb, p, flow);
		ek_flow_forget_partner(&p->tuple, flow);
	}
	if (p->fragment == EK_LATER_FRAGMENT)
		return ek_unknown_fragment(p);
	frontend = ek_lookup_frontend(&p->tuple, p->family, EK_SCOPE_CLUSTER);
	if (!frontend) {
		ek_flow_make_way(p);
		return EK_PASS;
	}
	if (!frontend->slots)
		return ek_nobody(skb, p, frontend);
	if (p->fragment == EK_FIRST_FRAGMENT)
		ek_fragment_learn(p, ek_now());
	return ek_open(skb, p, frontend, ek_now());
}

EK_ALWAYS_INLINE int ek_to_pod(struct __sk_buff *skb, struct ek_packet *p)
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
	return flow ? ek_follow(skb, p, flow) : EK_PASS;
}

SEC("tc")
int tc_pod_ingress(struct __sk_buff *skb)
{
	struct ek_packet *p = ek_packet_of(EK_DIR_ENTER);

	return p && ek_packet_read(skb, p) ? ek_from_pod(skb, p) : EK_PASS;
}

SEC("tc")
int tc_pod_egress(struct __sk_buff *skb)
{
	struct ek_packet *p = ek_packet_of(EK_DIR_LEAVE);

	return p && ek_packet_read(skb, p) ? ek_to_pod(skb, p) : EK_PASS;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
