/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tracked flows: pairs of entries, one a direction, and the states of TCP. */
#ifndef EK_FLOW_H
#define EK_FLOW_H

#include "clock.h"
#include "maps.h"
#include "nat.h"
#include "own_socket.h"
#include "room.h"
#include "scratch.h"

/* The entry that undoes `flow`, for the partner's key. */
EK_ALWAYS_INLINE void ek_flow_partner_value(const struct ek_tuple *tuple,
					    const struct ek_flow *flow, struct ek_flow *partner)
{
	partner->saddr = tuple->daddr;
	partner->daddr = tuple->saddr;
	partner->sport = tuple->dport;
	partner->dport = tuple->sport;
	partner->service = flow->service;
	partner->backend = flow->backend;
	partner->generation = flow->generation;
	partner->seen = flow->seen;
	partner->state = flow->state;
	partner->flags = flow->flags ^ EK_FLOW_REPLY;
	partner->tick = flow->tick;
}

EK_ALWAYS_INLINE bool ek_flow_backend_gone(const struct ek_flow *flow)
{
	__u32 id = flow->backend;
	struct ek_backend *backend = bpf_map_lookup_elem(&ek_backends, &id);

	/* Another node chose it. */
	if (!id)
		return false;
	return !backend || backend->generation != flow->generation ||
	       backend->state == EK_BACKEND_FREE;
}

EK_ALWAYS_INLINE bool ek_is_opening_syn(const struct ek_packet *p)
{
	return p->tuple.proto == IPPROTO_TCP &&
	       (p->tcp_flags & (EK_TCP_SYN | EK_TCP_ACK)) == EK_TCP_SYN;
}

/* The middle of a connection that the stack has to go on with: see ek_foreign. */
EK_ALWAYS_INLINE bool ek_is_foreign(const struct ek_packet *p)
{
	return p->tuple.proto == IPPROTO_TCP && !ek_is_opening_syn(p) &&
	       bpf_map_lookup_elem(&ek_foreign, &p->tuple);
}

/* False when this packet must not go the flow's way but begin a new one. */
EK_ALWAYS_INLINE bool ek_flow_serves(const struct ek_packet *p, const struct ek_flow *flow)
{
	if (flow->flags & EK_FLOW_REPLY)
		return true;
	if (flow->state == EK_FLOW_DATAGRAM)
		return !ek_flow_backend_gone(flow);
	if (!ek_is_opening_syn(p))
		return true;
	if (flow->state == EK_FLOW_HALF_CLOSED || flow->state == EK_FLOW_CLOSING)
		return false;
	return !ek_flow_backend_gone(flow);
}

/* The state and flags after this packet. */
EK_ALWAYS_INLINE void ek_flow_next(const struct ek_packet *p, const struct ek_flow *flow,
				   __u8 *state, __u8 *flags)
{
	const __u8 both = EK_FLOW_FIN_FORWARD | EK_FLOW_FIN_REPLY;
	bool reply = flow->flags & EK_FLOW_REPLY;
	/* Replies pass this node by: an ACK tells that there was one, and a FIN is the last that is
	 * sure to be seen. Forged datagrams look like answered ones. */
	bool direct = flow->flags & EK_FLOW_DSR && flow->flags & EK_FLOW_FORWARD && !reply &&
		      p->tuple.proto == IPPROTO_TCP;

	*state = flow->state;
	*flags = flow->flags;
	if (reply || (direct && p->tcp_flags & EK_TCP_ACK))
		*flags |= EK_FLOW_ANSWERED;
	if (!reply && *flags & EK_FLOW_ANSWERED && !ek_is_opening_syn(p))
		*flags |= EK_FLOW_ASSURED;
	if (flow->state == EK_FLOW_DATAGRAM || p->fragment == EK_LATER_FRAGMENT)
		return;
	if (p->tcp_flags & EK_TCP_FIN)
		*flags |= direct ? both : reply ? EK_FLOW_FIN_REPLY : EK_FLOW_FIN_FORWARD;
	if (p->tcp_flags & EK_TCP_RST || (*flags & both) == both)
		*state = EK_FLOW_CLOSING;
	else if (flow->state == EK_FLOW_CLOSING)
		return;
	else if (*flags & both)
		*state = EK_FLOW_HALF_CLOSED;
	else if (reply || (direct && p->tcp_flags & EK_TCP_ACK))
		*state = EK_FLOW_ESTABLISHED;
}

/* True when `there` is an earlier entry of the very flow that `reply` is for. */
EK_ALWAYS_INLINE bool ek_flow_same(const struct ek_flow *there, const struct ek_flow *reply)
{
	return ek_addr_equal(&there->saddr, &reply->saddr) && there->sport == reply->sport &&
	       ek_addr_equal(&there->daddr, &reply->daddr) && there->dport == reply->dport;
}

/*
 * Notes a packet on its flow and, when the state changes or a second has passed,
 * on the other direction's entry, which is made if it is not there: with the first reply,
 * or again if memory pressure took it.
 */
EK_ALWAYS_INLINE void ek_flow_touch(const struct ek_packet *p, struct ek_flow *flow)
{
	__u16 tick = ek_tick();
	struct ek_flow *partner, *again = ek_partner_of();
	struct ek_tuple key;
	__u8 state, flags;
	bool same, first;
	__u64 now;

	ek_flow_next(p, flow, &state, &flags);
	first = flow->flags & EK_FLOW_REPLY && flow->state == EK_FLOW_OPENING;
	same = state == flow->state && flags == flow->flags;
	if (same && tick == flow->tick)
		return;
	now = ek_now();
	flow->tick = tick;
	if (same && now - flow->seen < EK_SECOND)
		return;
	flow->state = state;
	flow->flags = flags;
	flow->seen = now;
	ek_flow_partner_key(&p->tuple, flow, &key);
	partner = bpf_map_lookup_elem(&ek_flows, &key);
	if (!again)
		return;
	ek_flow_partner_value(&p->tuple, flow, again);
	/* Under memory pressure the key may have gone to another flow. */
	if (partner && ek_flow_same(partner, again)) {
		partner->state = state;
		partner->flags = flags ^ EK_FLOW_REPLY;
		return;
	}
	ek_flow_put(&key, again, first ? BPF_ANY : BPF_NOEXIST);
}

EK_ALWAYS_INLINE __u8 ek_flow_first_state(const struct ek_packet *p)
{
	if (p->tuple.proto != IPPROTO_TCP)
		return EK_FLOW_DATAGRAM;
	if (p->tcp_flags & EK_TCP_RST)
		return EK_FLOW_CLOSING;
	/* Picked up in the middle: the flow was here before us, or memory pressure took its entry.
	 */
	return ek_is_opening_syn(p) ? EK_FLOW_OPENING : EK_FLOW_ESTABLISHED;
}

/*
 * Source ports to change to when the client's own would make two flows' replies
 * look alike (two frontends with one backend, one client port). Above Linux's
 * default ephemeral range, so that a client's own connections are not there.
 */
#define EK_SNAT_FIRST 61000u
#define EK_SNAT_COUNT 4536u
#define EK_SNAT_TRIES 16

/* No reason to fail: the flow is there, but for the entry of the client's direction. */
#define EK_FLOW_AGAIN -1

/* True when `there` is the entry of the connection that `reply` is for, and not of one before it.
 */
EK_ALWAYS_INLINE bool ek_flow_goes_on(const struct ek_flow *there, const struct ek_flow *reply)
{
	return there->state == EK_FLOW_OPENING ||
	       (there->state != EK_FLOW_CLOSING && reply->state != EK_FLOW_OPENING);
}

/* A SYN that comes again, before there was an answer. */
EK_ALWAYS_INLINE bool ek_flow_knocks_again(const struct ek_flow *there, const struct ek_flow *reply)
{
	return there->state == EK_FLOW_OPENING && reply->state == EK_FLOW_OPENING &&
	       there->backend == reply->backend && there->generation == reply->generation;
}

/*
 * Stores the reply entry under a source port that is free towards the backend,
 * and leaves that port in forward->sport. `ctx`: the flow goes on in this node's
 * name, and must not look like one of the node's own; else NULL. Zero, EK_FLOW_AGAIN
 * or an ek_reason.
 */
EK_ALWAYS_INLINE int ek_flow_store_reply(ek_ctx *ctx, const struct ek_tuple *tuple,
					 struct ek_flow *forward)
{
	struct ek_flow *reply = ek_partner_of(), *there;
	struct ek_tuple key;
	__u32 first = 0;
	bool same, again;
	int error;

	if (!reply)
		return EK_REASON_FLOW_NOT_STORED;
	ek_flow_partner_value(tuple, forward, reply);
	for (int i = 0; i < EK_SNAT_TRIES; i++) {
		/* Packets without a note would have the client's own port. */
		if (i && forward->flags & EK_FLOW_DSR)
			return EK_REASON_PORTS_EXHAUSTED;
		if (i == 1)
			first = bpf_get_prandom_u32();
		if (i)
			forward->sport =
				bpf_htons(EK_SNAT_FIRST + (first + i * 277) % EK_SNAT_COUNT);
		ek_flow_partner_key(tuple, forward, &key);
		if (ctx && ek_own_socket(ctx, &key))
			continue;
		error = ek_flow_put(&key, reply, BPF_NOEXIST);
		if (!error)
			return 0;
		if (error != EK_EEXIST)
			return EK_REASON_FLOW_NOT_STORED;
		there = bpf_map_lookup_elem(&ek_flows, &key);
		if (!there)
			continue;
		same = ek_flow_same(there, reply);
		if (same && ek_flow_knocks_again(there, reply)) {
			there->seen = reply->seen;
			return EK_FLOW_AGAIN;
		}
		if (same || there->state == EK_FLOW_CLOSING) {
			again = same && ek_flow_goes_on(there, reply);
			bpf_map_update_elem(&ek_flows, &key, reply, BPF_ANY);
			return again ? EK_FLOW_AGAIN : 0;
		}
	}
	return EK_REASON_PORTS_EXHAUSTED;
}

/*
 * Whether the client's direction gets its entry with the first reply (ek_flow_touch()): a
 * connection that nobody answers, a forged one at that, costs one entry. A SYN that comes again
 * is led by the same hash to the same backend, unless it has another source port there; pieces
 * of a packet have no ports to be led by.
 */
EK_ALWAYS_INLINE bool ek_flow_awaits_reply(const struct ek_packet *p, const struct ek_flow *forward)
{
	return forward->state == EK_FLOW_OPENING && !(forward->flags & EK_FLOW_DSR) &&
	       p->fragment == EK_WHOLE && forward->sport == p->tuple.sport;
}

/* Stores a new flow; forward->sport may come back changed. Zero, EK_FLOW_AGAIN or an ek_reason. */
EK_ALWAYS_INLINE int ek_flow_store(ek_ctx *ctx, const struct ek_packet *p, struct ek_flow *forward)
{
	struct ek_tuple partner;
	int reason = ek_flow_store_reply(ctx, &p->tuple, forward);

	if (reason > 0 || ek_flow_awaits_reply(p, forward))
		return reason;
	if (!ek_flow_put(&p->tuple, forward, BPF_ANY))
		return reason;
	ek_flow_partner_key(&p->tuple, forward, &partner);
	bpf_map_delete_elem(&ek_flows, &partner);
	return EK_REASON_FLOW_NOT_STORED;
}

/*
 * A connection to a pod itself, at the client's port of a flow to the same pod through a
 * Service: its answers must not look like replies of that flow. One that has ended makes way;
 * true when there is one that has not.
 */
EK_ALWAYS_INLINE bool ek_flow_in_the_way(const struct ek_packet *p)
{
	struct ek_tuple answer = {
		.saddr = p->tuple.daddr,
		.daddr = p->tuple.saddr,
		.sport = p->tuple.dport,
		.dport = p->tuple.sport,
		.proto = p->tuple.proto,
		.dir = !p->tuple.dir,
	};
	struct ek_flow *reply;

	if (!ek_is_opening_syn(p))
		return false;
	reply = bpf_map_lookup_elem(&ek_flows, &answer);
	if (!reply || !(reply->flags & EK_FLOW_REPLY) ||
	    ek_addr_equal(&reply->saddr, &answer.saddr))
		return false;
	if (reply->state != EK_FLOW_CLOSING)
		return true;
	ek_flow_forget(&answer, reply);
	return false;
}

/*
 * The other way round: the backend answers the SYN of a flow with what is no answer to one (RFC
 * 9293 3.10.7.4), because it has a connection with that client and port, of which we do not know.
 */
EK_ALWAYS_INLINE bool ek_flow_is_taken(const struct ek_packet *p, const struct ek_flow *flow)
{
	return flow->state == EK_FLOW_OPENING && flow->flags & EK_FLOW_REPLY &&
	       p->tuple.proto == IPPROTO_TCP && !(p->tcp_flags & (EK_TCP_SYN | EK_TCP_RST));
}

/* Leaves such replies to that connection: the next SYN of the flow gets another source port. */
EK_ALWAYS_INLINE void ek_flow_yield(const struct ek_packet *p, struct ek_flow *flow)
{
	struct ek_tuple partner;

	ek_flow_partner_key(&p->tuple, flow, &partner);
	bpf_map_delete_elem(&ek_flows, &partner);
	flow->saddr = p->tuple.saddr;
	flow->daddr = p->tuple.daddr;
	flow->sport = p->tuple.sport;
	flow->dport = p->tuple.dport;
	flow->service = 0;
	flow->backend = 0;
	flow->state = EK_FLOW_ESTABLISHED;
	flow->flags = EK_FLOW_REPLY | EK_FLOW_ASSURED;
}

EK_ALWAYS_INLINE void ek_flow_endpoints(const struct ek_flow *flow, struct ek_endpoints *to)
{
	to->saddr = flow->saddr;
	to->daddr = flow->daddr;
	to->sport = flow->sport;
	to->dport = flow->dport;
}

#endif
