// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet path at a pod device, for clients that have no socket on this node:
 * what comes from the pod is sent to a backend, what goes to it gets the name it dialled.
 */
#include "hook_tc.h"
#include "forward.h"
#include "lookup.h"
#include "source.h"

/* No host takes a packet from its own address: a pod meets itself as the Service. */
EK_ALWAYS_INLINE void ek_choose_source(struct __sk_buff *skb, struct ek_packet *p,
				       const struct ek_choice *choice, struct ek_flow *flow)
{
	if (ek_is_masqueraded(p))
		ek_take_name(skb, p, flow, true);
	if (!ek_addr_equal(&flow->saddr, &flow->daddr))
		return;
	flow->flags = EK_FLOW_HAIRPIN;
	flow->saddr = p->tuple.daddr;
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

	if (!ek_may_be_ours(&p->tuple.daddr))
		return ek_pass_by(skb, p);
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
		ek_flow_forget(&p->tuple, flow);
	}
	if (p->fragment == EK_LATER_FRAGMENT)
		return ek_unknown_fragment(p);
	frontend = ek_lookup_frontend(&p->tuple, p->family, EK_SCOPE_CLUSTER);
	if (!frontend)
		return ek_pass_by(skb, p);
	if (ek_is_foreign(p))
		return EK_PASS;
	if (!ek_is_welcome(p, frontend))
		return ek_drop(p, frontend->service, EK_REASON_SOURCE_RANGE);
	if (!frontend->size)
		return ek_nobody(skb, p, frontend);
	return ek_open(skb, p, frontend, ek_choose_source);
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

	return p && !ek_is_led(skb) && ek_packet_read(skb, p) ? ek_undo(skb, p) : EK_PASS;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
