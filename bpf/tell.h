/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Direct server return at the node that was dialled: flows whose replies pass it by. */
#ifndef EK_TELL_H
#define EK_TELL_H

#include "flow.h"
#include "note.h"
#include "outside.h"

/* A flow that goes to its backend in the client's own name. */
EK_ALWAYS_INLINE bool ek_is_direct(const struct ek_flow *flow)
{
	return (flow->flags & (EK_FLOW_DSR | EK_FLOW_FORWARD | EK_FLOW_REPLY)) ==
	       (EK_FLOW_DSR | EK_FLOW_FORWARD);
}

EK_ALWAYS_INLINE bool ek_has_room(ek_ctx *ctx, struct ek_packet *p, const struct ek_addr *backend)
{
	__u32 length = p->end - p->l3 + ek_note_size(p);

	if (ek_segment(ctx) || p->fragment != EK_WHOLE)
		return false;
	/* Tagged in band, the kernel would make room at the wrong place. */
	if (p->l3 != sizeof(struct ethhdr) || p->l4 != p->l3 + ek_fixed_header(p))
		return false;
	return ek_is_way(ek_route(ctx, p, &p->tuple.saddr, backend, length));
}

EK_ALWAYS_INLINE int ek_write_note4(ek_ctx *ctx, const struct ek_packet *p, __u8 flags)
{
	struct ek_noted4 *noted = ek_at(ctx, sizeof(struct ethhdr), sizeof(*noted));

	if (!noted)
		return -1;
	noted->note = (struct ek_note4){
		.type = EK_NOTE_TYPE4,
		.length = EK_NOTE4_LENGTH,
		.magic = EK_NOTE_MAGIC,
		.flags = flags,
		.addr = p->tuple.daddr.w[3],
		.port = p->tuple.dport,
	};
	ek_note_count4(ctx, noted, false);
	return 0;
}

EK_ALWAYS_INLINE int ek_write_note6(ek_ctx *ctx, const struct ek_packet *p, __u8 flags)
{
	struct ek_noted6 *noted = ek_at(ctx, sizeof(struct ethhdr), sizeof(*noted));

	if (!noted)
		return -1;
	noted->note = (struct ek_note6){
		.next = noted->ip.nexthdr,
		.words = sizeof(noted->note) / 8 - 1,
		.type = EK_NOTE_TYPE6,
		.length = EK_NOTE6_LENGTH,
		.magic = EK_NOTE_MAGIC,
		.flags = flags,
		.port = p->tuple.dport,
		.addr = p->tuple.daddr,
	};
	ek_note_count6(ctx, noted, false);
	return 0;
}

/*
 * A global function, which the verifier looks at once. Before kernel 5.12 those take no pointer
 * but the context: who is told lies in ek_told_of().
 */
__noinline int ek_tell_backend(struct __sk_buff *skb, __u32 flags)
{
	struct ek_packet *p = ek_packet_of(EK_DIR_ENTER);
	struct ek_addr *backend = ek_told_of();
	__u32 size;

	if (!p || !backend || !ek_has_room(skb, p, backend))
		return -1;
	size = ek_note_size(p);
	if (bpf_skb_adjust_room(skb, size, BPF_ADJ_ROOM_NET, 0))
		return -1;
	p->l4 += size;
	p->end += size;
	return p->family == EK_IPV4 ? ek_write_note4(skb, p, flags) : ek_write_note6(skb, p, flags);
}

/*
 * Puts a note of what was dialled into the packet at hand, whose addresses are still
 * the client's. `flags`: enum ek_note_flag. Zero; or -1 when there is no room for one.
 */
EK_ALWAYS_INLINE int ek_tell(struct __sk_buff *skb, const struct ek_addr *backend, __u32 flags)
{
	struct ek_addr *told = ek_told_of();

	if (!told)
		return -1;
	*told = *backend;
	return ek_tell_backend(skb, flags);
}

/* Whether answers to the client would look like those of another flow with this backend. */
EK_ALWAYS_INLINE bool ek_is_ambiguous(const struct ek_packet *p, const struct ek_flow *flow)
{
	struct ek_tuple key = {
		.saddr = flow->daddr,
		.daddr = p->tuple.saddr,
		.sport = flow->dport,
		.dport = p->tuple.sport,
		.proto = p->tuple.proto,
		.dir = p->tuple.dir,
	};
	struct ek_flow *there = bpf_map_lookup_elem(&ek_flows, &key);

	if (!there || there->state == EK_FLOW_CLOSING)
		return false;
	return !ek_addr_equal(&there->saddr, &p->tuple.daddr) || there->sport != p->tuple.dport;
}

/*
 * What a backend sees as its client. A direct flow begins with a packet that has room
 * for a note; but one of TCP that was there before us needs none, because the
 * backend's node knows it.
 */
EK_ALWAYS_INLINE void ek_choose_name(ek_ctx *ctx, struct ek_packet *p,
				     const struct ek_choice *choice, struct ek_flow *flow)
{
	ek_choose_source(ctx, p, choice, flow);
	if (!p->direct || !(flow->flags & EK_FLOW_FORWARD) || ek_is_ambiguous(p, flow))
		return;
	if (ek_tell(ctx, &flow->daddr, 0) && flow->state != EK_FLOW_ESTABLISHED)
		return;
	flow->saddr = p->tuple.saddr;
	flow->flags |= EK_FLOW_DSR;
}

/*
 * True for a third SYN: the client knocks in vain, so the flow should begin anew with replies
 * through here. Two may get lost.
 */
EK_ALWAYS_INLINE bool ek_is_unanswered(const struct ek_packet *p, struct ek_flow *flow)
{
	if (!ek_is_direct(flow) || flow->state != EK_FLOW_OPENING || !ek_is_opening_syn(p))
		return false;
	if (flow->flags & EK_FLOW_ANSWERED)
		return true;
	flow->flags |= EK_FLOW_ANSWERED;
	return false;
}

/*
 * TCP: what the backend's node has to know of the client's side, and once a second, lest
 * it forgets. Datagrams may get lost and be the first: all, as far as they have room.
 */
EK_ALWAYS_INLINE bool ek_has_news(const struct ek_packet *p, const struct ek_flow *flow)
{
	if (flow->state != EK_FLOW_ESTABLISHED ||
	    p->tcp_flags & (EK_TCP_SYN | EK_TCP_FIN | EK_TCP_RST))
		return true;
	return flow->tick != ek_tick() && ek_now() - flow->seen >= EK_SECOND;
}

/* Before a packet of a known flow goes its way. */
EK_ALWAYS_INLINE void ek_tell_news(ek_ctx *ctx, const struct ek_packet *p,
				   const struct ek_flow *flow)
{
	bool fin = flow->flags & EK_FLOW_FIN_FORWARD;

	if (ek_is_direct(flow) && ek_has_news(p, flow))
		ek_tell(ctx, &flow->daddr, fin ? EK_NOTE_FIN : 0);
}

#endif
