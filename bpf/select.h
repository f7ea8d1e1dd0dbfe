/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which backend serves a new flow: ClientIP affinity first, then the Maglev table. */
#ifndef EK_SELECT_H
#define EK_SELECT_H

#include "clock.h"
#include "maps.h"

/* A backend id and what it means now. */
struct ek_choice {
	struct ek_backend *backend;
	__u32 id;
};

/*
 * The 5-tuple in 32 well-mixed bits: a 64-bit multiply and xor-shift (the steps of
 * MurmurHash3's finalizer) for each 8 bytes. Constant seeds: every node must
 * choose alike.
 */
EK_ALWAYS_INLINE __u64 ek_hash_mix(__u64 hash, __u32 a, __u32 b)
{
	hash ^= (__u64)a << 32 | b;
	hash *= 0xff51afd7ed558ccdull;
	return hash ^ hash >> 32;
}

EK_ALWAYS_INLINE __u32 ek_hash_tuple(const struct ek_tuple *t)
{
	__u64 hash = 0x9e3779b97f4a7c15ull;

	hash = ek_hash_mix(hash, t->saddr.w[0], t->saddr.w[1]);
	hash = ek_hash_mix(hash, t->saddr.w[2], t->saddr.w[3]);
	hash = ek_hash_mix(hash, t->daddr.w[0], t->daddr.w[1]);
	hash = ek_hash_mix(hash, t->daddr.w[2], t->daddr.w[3]);
	/* Ports below: a multiply spreads upwards only. */
	hash = ek_hash_mix(hash, t->proto, (__u32)t->sport << 16 | t->dport);
	hash *= 0xc4ceb9fe1a85ec53ull;
	return hash >> 32;
}

/* Bytes at an offset within a run of blocks; the offset must not straddle blocks. */
EK_ALWAYS_INLINE __u8 *ek_arena_at(__u32 table, __u32 offset)
{
	__u32 index = table + offset / EK_BLOCK_SIZE;
	struct ek_block *block = bpf_map_lookup_elem(&ek_tables, &index);

	return block ? block->bytes : NULL;
}

/* The Maglev lookup (NSDI'16, 3.4): a slot by hash, then the id that the slot names. */
EK_ALWAYS_INLINE __u32 ek_table_lookup(const struct ek_frontend *frontend, __u32 hash)
{
	/* Lemire's multiply-shift: as even as a modulo, without a division. */
	__u32 slot = (__u64)hash * frontend->size >> 32;
	__u32 backends = frontend->backends;
	__u32 width = backends <= 1 << 4 ? 4 : backends <= 1 << 8 ? 8 : 16;
	__u32 bit = slot * width, offset, index;
	__u8 *block;

	/* Two bytes have the slot, whatever its width. */
	offset = backends * 4 + bit / 16 * 2;
	block = ek_arena_at(frontend->table, offset);
	if (!block)
		return 0;
	index = *(__u16 *)(block + (offset & (EK_BLOCK_SIZE - 2)));
	index = index >> bit % 16 & ((1 << width) - 1);
	offset = index * 4;
	block = ek_arena_at(frontend->table, offset);
	if (!block)
		return 0;
	return *(__u32 *)(block + (offset & (EK_BLOCK_SIZE - 4)));
}

/* The client's entry, when it is fresh and its backend is a member of this frontend's pool. */
EK_ALWAYS_INLINE bool ek_affinity_find(const struct ek_frontend *frontend,
				       const struct ek_affinity_key *key, __u64 now,
				       struct ek_choice *choice)
{
	struct ek_affinity *affinity = bpf_map_lookup_elem(&ek_affinity, key);
	struct ek_backend *backend;
	__u32 id;

	if (!affinity || now - affinity->used >= frontend->affinity * EK_SECOND)
		return false;
	id = affinity->backend;
	backend = bpf_map_lookup_elem(&ek_backends, &id);
	if (!backend || backend->generation != affinity->generation ||
	    backend->state != EK_BACKEND_ACTIVE || !(backend->pools & 1 << (frontend->pool & 7)))
		return false;
	affinity->used = now;
	choice->backend = backend;
	choice->id = id;
	return true;
}

/*
 * Chooses for a new flow and remembers it for the client. The choice's backend is
 * NULL when the table names none that is in use.
 */
EK_ALWAYS_INLINE void ek_select(const struct ek_frontend *frontend, __u32 hash,
				const struct ek_affinity_key *client, __u64 now,
				struct ek_choice *choice)
{
	struct ek_affinity affinity = {};
	int known;

	if (frontend->affinity && ek_affinity_find(frontend, client, now, choice))
		return;
	choice->id = ek_table_lookup(frontend, hash);
	choice->backend = bpf_map_lookup_elem(&ek_backends, &choice->id);
	if (!choice->backend || choice->backend->state == EK_BACKEND_FREE) {
		choice->backend = NULL;
		return;
	}
	if (!frontend->affinity)
		return;
	affinity.backend = choice->id;
	affinity.generation = choice->backend->generation;
	affinity.used = now;
	/* Another CPU may serve the same client's other connection just now: the first one decides.
	 * An int: see ek_flow_put(). */
	known = bpf_map_update_elem(&ek_affinity, client, &affinity, BPF_NOEXIST);
	if (known && !ek_affinity_find(frontend, client, now, choice))
		bpf_map_update_elem(&ek_affinity, client, &affinity, BPF_ANY);
}

#endif
