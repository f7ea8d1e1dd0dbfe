// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet path at a pod device, for clients that have no socket on this node:
 * what comes from the pod is sent to a backend, what goes to it gets the name it dialled.
 */
#include <linux/pkt_cls.h>
#include "flow.h"
#include "fragment.h"
#include "icmp.h"
#include "lookup.h"
#include "nat.h"
#include "parse.h"
#include "refuse.h"
#include "report.h"
#include "reset.h"
#include "scratch.h"
#include "select.h"

/* Leaves the packet to whoever comes next on the device, and then to the stack. */
#define EK_PASS TC_ACT_UNSPEC

EK_ALWAYS_INLINE int ek_drop(struct ek_packet *p, __u32 service, __u32 reason)
{
	ek_report_rejected(&p->tuple, service, reason, EK_EVENT_DROP);
	return TC_ACT_SHOT;
}

EK_ALWAYS_INLINE int ek_refuse_or_drop(struct __sk_buff *skb, struct ek_packet *p, __u32 service,
				       __u32 reason)
{
	int reset = ek_reset(skb, p);

	if (reset == -2 || (reset == -1 && ek_refuse(skb, p)))
		return ek_drop(p, service, EK_REASON_REFUSE_FAILED);
	ek_report_rejected(&p->tuple, service, reason, EK_EVENT_REFUSE);
	return bpf_redirect(skb->ifindex, 0);
}

/* Sends a packet the way of its flow. */
EK_ALWAYS_INLINE int ek_forward(struct __sk_buff *skb, struct ek_packet *p,
				const struct ek_endpoints *to, __u32 service, bool hairpin)
{
	ek_count_packet(service, skb->len - p->l3);
	if (ek_rewrite(skb, p, to) || (hairpin && ek_turn_back(skb)))
		return ek_drop(p, service, EK_REASON_REWRITE_FAILED);
	return hairpin ? bpf_redirect(skb->ifindex, 0) : EK_PASS;
}

/* Nobody serves this packet: tell its sender, or be silent so that another node is tried. */
EK_ALWAYS_INLINE int ek_nobody(struct __sk_buff *skb, struct ek_packet *p,
			       const struct ek_frontend *frontend)
{
	if (frontend->flags & EK_FRONTEND_ADDRESS)
		return ek_refuse_or_drop(skb, p, 0, EK_REASON_NO_SUCH_PORT);
	if (frontend->flags & EK_FRONTEND_DROP)
		return ek_drop(p, frontend->service, EK_REASON_NO_LOCAL_ENDPOINTS);
	return ek_refuse_or_drop(skb, p, frontend->service, EK_REASON_NO_ENDPOINTS);
}

/* A flow's first packet. */
EK_ALWAYS_INLINE int ek_open(struct __sk_buff *skb, struct ek_packet *p,
			     const struct ek_frontend *frontend, __u64 now)
{
	struct ek_affinity_key client = {.client = p->tuple.saddr, .service = frontend->service};
	struct ek_choice choice = {};
	struct ek_flow *flow = ek_flow_of();
	struct ek_endpoints to;
	int reason;

	if (!flow)
		return ek_drop(p, frontend->service, EK_REASON_FLOW_NOT_STORED);
	__builtin_memset(flow, 0, sizeof(*flow));
	ek_select(frontend, ek_hash_tuple(&p->tuple), &client, now, &choice);
	if (!choice.backend)
		return ek_drop(p, frontend->service, EK_REASON_BACKEND_STALE);
	flow->saddr = p->tuple.saddr;
	flow->daddr = choice.backend->addr;
	flow->sport = p->tuple.sport;
	flow->dport = choice.backend->port;
	flow->service = frontend->service;
	flow->backend = choice.id;
	flow->generation = choice.backend->generation;
	flow->seen = now;
	flow->state = ek_flow_first_state(p);
	if (ek_addr_equal(&flow->saddr, &flow->daddr)) {
		/* No host takes a packet from its own address: the pod meets itself as the Service.
		 */
		flow->flags = EK_FLOW_HAIRPIN;
		flow->saddr = p->tuple.daddr;
	}
	if (p->tuple.proto == IPPROTO_SCTP && flow->dport != p->tuple.dport)
		return ek_drop(p, frontend->service, EK_REASON_SCTP_PORT);
	reason = ek_flow_store(&p->tuple, flow);
	if (reason)
		return ek_drop(p, frontend->service, reason);
	ek_report_flow(&p->tuple, frontend->service, choice.backend);
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
	struct ek_endpoints to;
	struct ek_flow *flow;
	int parsed;

	if (!quote)
		return false;
	parsed = ek_icmp_read_quote(skb, p, quote);
	if (parsed == EK_PARSED_SHORT &&
	    !bpf_skb_pull_data(skb, p->end < EK_PULL ? p->end : EK_PULL))
		parsed = ek_icmp_read_quote(skb, p, quote);
	if (parsed != EK_PARSED)
		return false;
	flow = bpf_map_lookup_elem(&ek_flows, &quote->tuple);
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
