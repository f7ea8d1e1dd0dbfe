/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows that may be forged: every packet of a flood from random sources opens one. A
 * flow is assured when the client goes on after an answer; of others there are at most
 * as many as ek_opening has slots, and each new one takes the place of the oldest. Where
 * there are few of them the agent lets half as many again be opened without that.
 */
#ifndef EK_OPENING_H
#define EK_OPENING_H

#include "flow.h"
#include "settings.h"

/* Nobody needs it: it may be forged, or has ended a while ago and no agent runs that would take it
 * out. */
EK_ALWAYS_INLINE bool ek_flow_is_spare(const struct ek_flow *flow)
{
	if (flow->state == EK_FLOW_CLOSING && ek_now() - flow->seen > 60 * EK_SECOND)
		return true;
	return !(flow->flags & EK_FLOW_ASSURED);
}

/* Takes out the flow that stands in a slot, unless somebody needs it. */
EK_ALWAYS_INLINE void ek_opening_clear(const struct ek_tuple *slot)
{
	struct ek_flow *flow = slot->proto ? bpf_map_lookup_elem(&ek_flows, slot) : NULL;

	if (flow && ek_flow_is_spare(flow))
		ek_flow_forget(slot, flow);
}

/* After a flow is stored: there is room for the next that no assured flow has to give. */
EK_ALWAYS_INLINE void ek_opening_enter(const struct ek_tuple *tuple, const struct ek_flow *forward)
{
	__u32 slots = ek_settings.opening, opened, index;
	struct ek_ring *ring = ek_ring_of();
	struct ek_tuple *slot;

	if (!ring || !slots)
		return;
	opened = ring->opened++;
	index = bpf_get_smp_processor_id() * slots + opened % slots;
	slot = bpf_map_lookup_elem(&ek_opening, &index);
	if (!slot)
		return;
	/* A look at the flow there may be a line of memory that no cache holds. */
	if (ring->clear_from - opened - 1 >= slots)
		ek_opening_clear(slot);
	/* The entry that is there in any case. */
	ek_flow_partner_key(tuple, forward, slot);
}

#endif
