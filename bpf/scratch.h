/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Per-CPU memory for what a program works on. Programs at tc and XDP do not nest on a CPU. */
#ifndef EK_SCRATCH_H
#define EK_SCRATCH_H

#include "packet.h"

struct ek_scratch {
	struct ek_packet packet;
	struct ek_packet quote;
	struct ek_flow flow;
	struct ek_flow partner;
};

/* Not pinned and not read by the agent: every program object has its own. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ek_scratch);
} ek_scratch_map SEC(".maps");

EK_ALWAYS_INLINE struct ek_scratch *ek_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ek_scratch_map, &zero);
}

/* The packet at hand, about to be read in this direction. */
EK_ALWAYS_INLINE struct ek_packet *ek_packet_of(__u8 dir)
{
	struct ek_scratch *scratch = ek_scratch();

	if (!scratch)
		return NULL;
	scratch->packet.tuple.dir = dir;
	return &scratch->packet;
}

/* The packet that an ICMP error quotes. */
EK_ALWAYS_INLINE struct ek_packet *ek_quote_of(void)
{
	struct ek_scratch *scratch = ek_scratch();

	return scratch ? &scratch->quote : NULL;
}

/* A flow that is being made, and the entry of its other direction. */
EK_ALWAYS_INLINE struct ek_flow *ek_flow_of(void)
{
	struct ek_scratch *scratch = ek_scratch();

	return scratch ? &scratch->flow : NULL;
}

EK_ALWAYS_INLINE struct ek_flow *ek_partner_of(void)
{
	struct ek_scratch *scratch = ek_scratch();

	return scratch ? &scratch->partner : NULL;
}

#endif
