/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows that may be forged: every packet of a flood from random sources opens one. A
 * flow is assured when the client goes on after an answer; of others there are at most
 * as many as ek_opening has slots, and each new one takes the place of the oldest.
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

/* After a flow is stored: there is room for the next that no assured flow has to give. */
EK_ALWAYS_INLINE void ek_opening_enter(const struct ek_tuple *tuple, const struct ek_flow *forward)
{
	__u32 slots = ek_settings.opening, index;
	struct ek_cpu *cpu = ek_this_cpu();
	struct ek_tuple *oldest;
	struct ek_flow *flow;

	if (!cpu || !slots)
		return;
	index = bpf_get_smp_processor_id() * slots + cpu->opened++ % slots;
	oldest = bpf_map_lookup_elem(&ek_opening, &index);
	if (!oldest)
		return;
	flow = oldest->proto ? bpf_map_lookup_elem(&ek_flows, oldest) : NULL;
	if (flow && ek_flow_is_spare(flow))
		ek_flow_forget(oldest, flow);
	/* The entry that is there in any case. */
	ek_flow_partner_key(tuple, forward, oldest);
}

#endif
