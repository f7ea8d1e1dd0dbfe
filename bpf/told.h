/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Direct server return at the backend's node: it takes the note out and answers in the name that
 * stands there. */
#ifndef EK_TOLD_H
#define EK_TOLD_H

#include "lookup.h"
#include "note.h"
#include "opening.h"
#include "outside.h"
#include "verdict.h"

enum ek_told {
	EK_TOLD_NOTHING = 0, /* the packet has no note, or one for another node */
	EK_TOLD_TAKEN = 1,
	EK_TOLD_DROP = 2,
};

EK_ALWAYS_INLINE bool ek_may_have_note(const struct ek_packet *p)
{
	return p->kind == EK_KIND_PORTS && p->fragment == EK_WHOLE &&
	       p->l3 == sizeof(struct ethhdr) &&
	       p->l4 == p->l3 + ek_fixed_header(p) + ek_note_size(p);
}

/* The note of the packet at hand, whose destination is now what the note says; false when it has
 * none. */
EK_ALWAYS_INLINE bool ek_read_note4(ek_ctx *ctx, struct ek_packet *p)
{
	struct ek_noted4 *noted = ek_at(ctx, sizeof(struct ethhdr), sizeof(*noted));

	if (!noted || noted->note.type != EK_NOTE_TYPE4 || noted->note.length != EK_NOTE4_LENGTH ||
	    noted->note.magic != EK_NOTE_MAGIC)
		return false;
	p->tuple.daddr.w[3] = noted->note.addr;
	p->tuple.dport = noted->note.port;
	if (noted->note.flags & EK_NOTE_FIN)
		p->tcp_flags |= EK_TCP_FIN;
	return true;
}

EK_ALWAYS_INLINE bool ek_read_note6(ek_ctx *ctx, struct ek_packet *p)
{
	struct ek_noted6 *noted = ek_at(ctx, sizeof(struct ethhdr), sizeof(*noted));

	if (!noted || noted->ip.nexthdr != IPPROTO_DSTOPTS || noted->note.type != EK_NOTE_TYPE6 ||
	    noted->note.length != EK_NOTE6_LENGTH || noted->note.magic != EK_NOTE_MAGIC)
		return false;
	p->tuple.daddr = noted->note.addr;
	p->tuple.dport = noted->note.port;
	if (noted->note.flags & EK_NOTE_FIN)
		p->tcp_flags |= EK_TCP_FIN;
	return true;
}

EK_ALWAYS_INLINE bool ek_is_over_uplink(int way)
{
	struct bpf_fib_lookup *route = ek_route_of();
	__u32 ifindex;

	if (!route || !ek_is_way(way))
		return false;
	ifindex = route->ifindex;
	return bpf_map_lookup_elem(&ek_uplinks, &ifindex);
}

/* A pod of this node, or the node itself; else the note is for the next node on the way. */
EK_ALWAYS_INLINE bool ek_is_here(ek_ctx *ctx, struct ek_packet *p)
{
	int way;

	if (bpf_map_lookup_elem(&ek_node_addrs, &p->tuple.daddr))
		return true;
	way = ek_route(ctx, p, &p->tuple.saddr, &p->tuple.daddr, sizeof(struct iphdr));
	return ek_is_way(way) && !ek_is_over_uplink(way);
}

/* Of another node: an address on a link that this node has an uplink to. */
EK_ALWAYS_INLINE bool ek_is_neighbour(ek_ctx *ctx, struct ek_packet *p, const struct ek_addr *addr)
{
	struct bpf_fib_lookup *route = ek_route_of();

	if (!route ||
	    !ek_is_over_uplink(ek_route(ctx, p, &p->tuple.saddr, addr, sizeof(struct iphdr))))
		return false;
	if (p->family == EK_IPV4)
		return route->family == EK_AF_INET && route->ipv4_dst == addr->w[3];
	return ek_addr_equal((const struct ek_addr *)route->ipv6_dst, addr);
}

/* The frontend that was dialled elsewhere; NULL when no Service with DSR has it. */
EK_ALWAYS_INLINE struct ek_frontend *ek_lookup_dialled(ek_ctx *ctx, struct ek_packet *p)
{
	struct ek_frontend_key key = {
		.port = p->tuple.dport, .proto = p->tuple.proto, .scope = EK_SCOPE_EXTERNAL};
	struct ek_frontend *frontend;

	frontend = ek_lookup_frontend(&p->tuple, p->family, EK_SCOPE_EXTERNAL);
	if (frontend && frontend->flags & EK_FRONTEND_DSR)
		return frontend;
	if (!ek_is_neighbour(ctx, p, &p->tuple.daddr))
		return NULL;
	if (p->family == EK_IPV4)
		ek_addr_set_ipv4(&key.addr, 0);
	frontend = bpf_map_lookup_elem(&ek_frontends, &key);
	return frontend && frontend->flags & EK_FRONTEND_DSR ? frontend : NULL;
}

/* A new flow. `p` has what was dialled as its destination. Zero or an ek_reason. */
EK_ALWAYS_INLINE int ek_told_open(ek_ctx *ctx, struct ek_packet *p, const struct ek_tuple *came)
{
	struct ek_frontend *frontend = ek_lookup_dialled(ctx, p);
	struct ek_flow *flow = ek_flow_of();
	int reason;

	if (!frontend)
		return EK_REASON_DSR_UNKNOWN;
	if (!ek_is_welcome(p, frontend))
		return EK_REASON_SOURCE_RANGE;
	if (!flow)
		return EK_REASON_FLOW_NOT_STORED;
	__builtin_memset(flow, 0, sizeof(*flow));
	flow->saddr = p->tuple.saddr;
	flow->sport = p->tuple.sport;
	flow->daddr = came->daddr;
	flow->dport = came->dport;
	flow->service = frontend->service;
	flow->seen = ek_now();
	flow->state = ek_flow_first_state(p);
	flow->flags = EK_FLOW_DSR;
	reason = ek_flow_store(NULL, p, flow);
	if (reason)
		return reason == EK_FLOW_AGAIN ? 0 : reason;
	ek_opening_enter(&p->tuple, flow);
	return 0;
}

EK_ALWAYS_INLINE bool ek_leads_to(const struct ek_flow *flow, const struct ek_tuple *came)
{
	return ek_addr_equal(&flow->daddr, &came->daddr) && flow->dport == came->dport &&
	       ek_addr_equal(&flow->saddr, &came->saddr) && flow->sport == came->sport;
}

/* Notes the packet on its flow, which begins when it is new. Zero or an ek_reason. */
EK_ALWAYS_INLINE int ek_told_note(ek_ctx *ctx, struct ek_packet *p, const struct ek_tuple *came)
{
	struct ek_flow *flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);

	if (flow && ek_leads_to(flow, came) && ek_flow_serves(p, flow)) {
		ek_flow_touch(p, flow);
		return 0;
	}
	/* Nobody changes where an open connection leads. */
	if (flow && p->tuple.proto == IPPROTO_TCP && !ek_is_opening_syn(p))
		return EK_REASON_PORTS_EXHAUSTED;
	if (flow)
		ek_flow_forget(&p->tuple, flow);
	return ek_told_open(ctx, p, came);
}

/* After this the packet is as the node that was dialled got it, but for where it goes. */
EK_ALWAYS_INLINE int ek_take_out(ek_ctx *ctx, const struct ek_packet *p)
{
	struct ek_noted4 *four = ek_at(ctx, sizeof(struct ethhdr), sizeof(*four));
	struct ek_noted6 *six = ek_at(ctx, sizeof(struct ethhdr), sizeof(*six));
	const __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;

	if (p->family == EK_IPV4 && four)
		ek_note_count4(ctx, four, true);
	else if (p->family == EK_IPV6 && six)
		ek_note_count6(ctx, six, true);
	else
		return -1;
	return bpf_skb_adjust_room(ctx, -(__s32)ek_note_size(p), BPF_ADJ_ROOM_NET, flags);
}

/* The packet at hand; only for one that may have a note. Returns an ek_told. A global function,
 * which the verifier looks at once. */
__noinline int ek_take_note(struct __sk_buff *skb)
{
	struct ek_packet *p = ek_packet_of(EK_DIR_ENTER);
	struct ek_packet *came = ek_quote_of();
	int reason;

	if (!p || !came || !ek_is_here(skb, p))
		return EK_TOLD_NOTHING;
	came->tuple = p->tuple;
	if (!(p->family == EK_IPV4 ? ek_read_note4(skb, p) : ek_read_note6(skb, p)))
		return EK_TOLD_NOTHING;
	reason = ek_told_note(skb, p, &came->tuple);
	if (!reason && ek_take_out(skb, p))
		reason = EK_REASON_REWRITE_FAILED;
	if (!reason)
		return EK_TOLD_TAKEN;
	ek_drop(p, 0, reason);
	return EK_TOLD_DROP;
}

#endif
