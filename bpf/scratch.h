/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Per-CPU memory for what a program works on. Programs at tc and XDP do not nest on a CPU. */
#ifndef EK_SCRATCH_H
#define EK_SCRATCH_H

#include "packet.h"

struct scratch_memory {
	struct ek_packet packet;
	struct ek_packet quote;
	struct ek_flow flow;
	struct ek_flow partner;
	struct bpf_fib_lookup route;
	struct ek_addr told;
	__u16 confirmed; /* at XDP: ek_tick() when a neighbour was last left to the stack */
};

/* Without the prefix of shared maps: not pinned, not read by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch_memory);
} scratch SEC(".maps");

EK_ALWAYS_INLINE struct scratch_memory *ek_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* The packet at hand, about to be read in this direction. */
EK_ALWAYS_INLINE struct ek_packet *ek_packet_of(__u8 dir)
{
	struct scratch_memory *memory = ek_scratch();

	if (!memory)
		return NULL;
	memory->packet.tuple.dir = dir;
	return &memory->packet;
}

/* The packet that an ICMP error quotes. */
EK_ALWAYS_INLINE struct ek_packet *ek_quote_of(void)
{
	struct scratch_memory *memory = ek_scratch();

	return memory ? &memory->quote : NULL;
}

/* A flow that is being made, and the entry of its other direction. */
EK_ALWAYS_INLINE struct ek_flow *ek_flow_of(void)
{
	struct scratch_memory *memory = ek_scratch();

	return memory ? &memory->flow : NULL;
}

EK_ALWAYS_INLINE struct ek_flow *ek_partner_of(void)
{
	struct scratch_memory *memory = ek_scratch();

	return memory ? &memory->partner : NULL;
}

/* The backend that is told what was dialled. */
EK_ALWAYS_INLINE struct ek_addr *ek_told_of(void)
{
	struct scratch_memory *memory = ek_scratch();

	return memory ? &memory->told : NULL;
}

/* What the kernel is asked about the way to somewhere, and its answer. */
EK_ALWAYS_INLINE struct bpf_fib_lookup *ek_route_of(void)
{
	struct scratch_memory *memory = ek_scratch();

	return memory ? &memory->route : NULL;
}

#endif
