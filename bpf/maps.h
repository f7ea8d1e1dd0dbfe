/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map. The sizes are defaults: the agent sets max_entries from its
 * configuration before it loads. All are pinned by the agent under one
 * versioned folder of bpffs, under these names.
 */
#ifndef EK_MAPS_H
#define EK_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "types.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ek_frontend_key);
	__type(value, struct ek_frontend);
} ek_frontends SEC(".maps");

/* Written by the agent through mmap; id 0 is never used. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ek_backend);
} ek_backends SEC(".maps");

/* The arena of pools, written by the agent through mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 524288);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ek_block);
} ek_tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ek_affinity_key);
	__type(value, struct ek_affinity);
} ek_affinity SEC(".maps");

/* Not an LRU table, which takes 130 to 180 ns more to store an entry in: see room.h. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct ek_tuple);
	__type(value, struct ek_flow);
} ek_flows SEC(".maps");

/*
 * TCP connections that the kernel's connection tracking translates: a kube-proxy's rules had
 * sent them to a backend before this node had our programs. Both directions as they come in. The
 * agent writes them when it attaches programs; the value is 1.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ek_tuple);
	__type(value, __u32);
} ek_foreign SEC(".maps");

/*
 * The last flows that were opened: a ring for each CPU, one behind the other. Who comes
 * round to a slot takes the flow out that stands there, if it is not assured yet: so
 * many at most are in ek_flows, and a flood of them pushes out no others. When ek_flows is
 * full, those that stand here longest are asked to make room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct ek_tuple);
} ek_opening SEC(".maps");

/* By CPU, as many as are possible. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ek_ring);
} ek_rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ek_cpu);
} ek_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ek_fragment_key);
	__type(value, struct ek_fragment);
} ek_fragments SEC(".maps");

/* This node's addresses, for nodePorts. The value is the interface index. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ek_addr);
	__type(value, __u32);
} ek_node_addrs SEC(".maps");

/* What may be an address of ours, see addresses.h. The agent writes through mmap. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries,
	       ((1 << EK_ADDRESS_BITS) / 8 + (1 << EK_STRANGER_BITS) + (1 << EK_NAMED_BITS)) /
		       EK_BLOCK_SIZE);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct ek_block);
} ek_addresses SEC(".maps");

/* Devices that lead to other nodes, by interface index. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ek_uplink);
} ek_uplinks SEC(".maps");

/* Whom Service ports serve at their load balancer's addresses; the value is 1. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ek_range);
	__type(value, __u32);
} ek_ranges SEC(".maps");

/* Names of Service ports, for people and for restoring ids after a restart. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ek_service);
} ek_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct ek_service_counters);
} ek_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EK_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} ek_reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 262144);
} ek_events SEC(".maps");

#endif
