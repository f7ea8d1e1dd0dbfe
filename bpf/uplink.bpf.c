// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The packet path at an uplink, for clients outside: nodePorts, load balancers' and
 * external addresses. A backend on this node gets the client's own address, and the
 * reply is undone on its way out; one on another node is talked to in this node's
 * name, and both directions come in here, unless the Service wants direct returns.
 */
#include "hook_tc.h"
#include "forward.h"
#include "lookup.h"
#include "outside.h"
#include "tell.h"
#include "told.h"

/*
 * A later fragment of a datagram whose first one taught us nothing. At an address of this node
 * it may be anybody's, and the stack waits for the rest; at one that is a Service's alone the
 * stack would send it on.
 */
EK_ALWAYS_INLINE int ek_unknown_fragment(struct ek_packet *p)
{
	struct ek_frontend_key key = {.addr = p->tuple.daddr, .scope = EK_SCOPE_EXTERNAL};

	if (bpf_map_lookup_elem(&ek_node_addrs, &key.addr))
		return EK_PASS;
	if (!bpf_map_lookup_elem(&ek_frontends, &key) && !ek_lookup_address(&key.addr))
		return EK_PASS;
	return ek_drop(p, 0, EK_REASON_FRAGMENT_UNKNOWN);
}

/* A subprogram, so that its stack does not stand under that of ek_take_note(). */
static __noinline int ek_from_outside(struct __sk_buff *skb, struct ek_packet *p)
{
	struct ek_frontend *frontend;
	bool unanswered = false;
	struct ek_flow *flow;
	int verdict;

	if (!ek_may_be_ours(&p->tuple.daddr))
		return ek_pass_by(skb, p);
	if (p->kind == EK_KIND_ICMP_ERROR && ek_follow_icmp(skb, p, &verdict))
		return verdict;
	if (p->kind != EK_KIND_PORTS)
		return EK_PASS;
	if (p->fragment == EK_LATER_FRAGMENT && !ek_fragment_recall(p, ek_now()))
		return ek_unknown_fragment(p);
	flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);
	if (flow) {
		unanswered = ek_is_unanswered(p, flow);
		if (!unanswered && ek_flow_serves(p, flow)) {
			ek_tell_news(skb, p, flow);
			return ek_follow(skb, p, flow);
		}
		ek_flow_forget(&p->tuple, flow);
	}
	if (p->fragment == EK_LATER_FRAGMENT)
		return ek_unknown_fragment(p);
	frontend = ek_lookup_frontend(&p->tuple, p->family, EK_SCOPE_EXTERNAL);
	if (!frontend)
		return ek_pass_by(skb, p);
	if (ek_is_foreign(p))
		return EK_PASS;
	if (!ek_is_welcome(p, frontend))
		return ek_drop(p, frontend->service, EK_REASON_SOURCE_RANGE);
	if (!frontend->size)
		return ek_nobody(skb, p, frontend);
	p->direct = frontend->flags & EK_FRONTEND_DSR && !unanswered && !ek_is_masqueraded(p) &&
		    p->tuple.proto != IPPROTO_SCTP;
	return ek_open(skb, p, frontend, ek_choose_name);
}

/* What a device hears beside its own (promiscuous, as a bridge's port) is not for this node to
 * answer. */
#define EK_PACKET_HOST 0

SEC("tc")
int tc_uplink_ingress(struct __sk_buff *skb)
{
	struct ek_packet *p = ek_packet_of(EK_DIR_ENTER);
	int told;

	if (!p || skb->pkt_type != EK_PACKET_HOST || !ek_packet_read(skb, p))
		return EK_PASS;
	told = ek_may_have_note(p) ? ek_take_note(skb) : EK_TOLD_NOTHING;
	if (told != EK_TOLD_NOTHING)
		return told == EK_TOLD_TAKEN ? EK_PASS : TC_ACT_SHOT;
	return ek_from_outside(skb, p);
}

SEC("tc")
int tc_uplink_egress(struct __sk_buff *skb)
{
	struct ek_packet *p = ek_packet_of(EK_DIR_LEAVE);

	return p && !ek_is_led(skb) && ek_packet_read(skb, p) ? ek_undo(skb, p) : EK_PASS;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
