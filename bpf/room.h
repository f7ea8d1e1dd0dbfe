/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Entries of ek_flows come and go; when it is full, a flow that can best be spared makes room. */
#ifndef EK_ROOM_H
#define EK_ROOM_H

#include "maps.h"
#include "settings.h"

#define EK_E2BIG  -7
#define EK_EEXIST -17

/* Both directions come in at the same hook. */
#define EK_FLOW_SAME_DIR (EK_FLOW_HAIRPIN | EK_FLOW_FORWARD)

/* The key of the other direction's entry. */
EK_ALWAYS_INLINE void ek_flow_partner_key(const struct ek_tuple *tuple, const struct ek_flow *flow,
					  struct ek_tuple *partner)
{
	partner->saddr = flow->daddr;
	partner->daddr = flow->saddr;
	partner->sport = flow->dport;
	partner->dport = flow->sport;
	partner->proto = tuple->proto;
	partner->dir = flow->flags & EK_FLOW_SAME_DIR ? tuple->dir : !tuple->dir;
	partner->zero = 0;
}

/* Takes out both directions of a flow. */
EK_ALWAYS_INLINE void ek_flow_forget(const struct ek_tuple *tuple, const struct ek_flow *flow)
{
	struct ek_tuple partner;

	ek_flow_partner_key(tuple, flow, &partner);
	bpf_map_delete_elem(&ek_flows, &partner);
	bpf_map_delete_elem(&ek_flows, tuple);
}

/* When the flow was last of use: those that have ended, or that may be forged, are of none. */
EK_ALWAYS_INLINE __u64 ek_flow_worth(const struct ek_flow *flow)
{
	if (flow->state == EK_FLOW_CLOSING || !(flow->flags & EK_FLOW_ASSURED))
		return 0;
	return flow->seen;
}

/* Of this CPU. */
EK_ALWAYS_INLINE struct ek_ring *ek_ring_of(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&ek_rings, &cpu);
}

/* The key in a slot, and its flow, if that is still there. */
struct ek_spare {
	struct ek_tuple *key;
	struct ek_flow *flow;
};

EK_ALWAYS_INLINE bool ek_spare_at(__u32 index, struct ek_spare *spare)
{
	spare->key = bpf_map_lookup_elem(&ek_opening, &index);
	spare->flow = NULL;
	if (spare->key && spare->key->proto)
		spare->flow = bpf_map_lookup_elem(&ek_flows, spare->key);
	return spare->flow;
}

/* So many flows of this CPU's ring are compared, and then as many of others' as have been chosen
 * by lot. */
#define EK_ROOM_SAMPLE 32
#define EK_ROOM_OTHERS 64

/*
 * Takes out the flow that can best be spared of those that stand in the ring for longest, or, when
 * none of them has ended, in any ring. A global function, which the verifier looks at once. Zero:
 * there is none.
 */
__noinline int ek_flow_make_room(void)
{
	__u32 slots = ek_settings.opening, rings = ek_settings.rings;
	__u32 own = bpf_get_smp_processor_id() * slots, random = bpf_get_prandom_u32();
	struct ek_ring *ring = ek_ring_of();
	struct ek_spare spare;
	__u64 least = ~0ull;
	__u32 best = 0;

	if (!ring || !slots || !rings)
		return 0;
	for (__u32 i = 0; i < EK_ROOM_SAMPLE + EK_ROOM_OTHERS && least; i++) {
		__u32 index = i < EK_ROOM_SAMPLE
				      ? own + (ring->opened + i) % slots
				      : (random + i) % rings * slots + (random * i >> 8) % slots;

		if (!ek_spare_at(index, &spare) || ek_flow_worth(spare.flow) >= least)
			continue;
		least = ek_flow_worth(spare.flow);
		best = index;
	}
	if (least == ~0ull || !ek_spare_at(best, &spare))
		return 0;
	ek_flow_forget(spare.key, spare.flow);
	spare.key->proto = 0;
	return 1;
}

/* bpf_map_update_elem(), but that there is always room. */
EK_ALWAYS_INLINE int ek_flow_put(const struct ek_tuple *key, const struct ek_flow *flow,
				 __u64 flags)
{
	/* An int: before kernel 6.4 the upper half is undefined. */
	int error = bpf_map_update_elem(&ek_flows, key, flow, flags);

	if (error != EK_E2BIG || !ek_flow_make_room())
		return error;
	return bpf_map_update_elem(&ek_flows, key, flow, flags);
}

#endif
