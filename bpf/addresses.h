/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ek_addresses: what is surely none of ours passes after a look at one byte or two. Programs set
 * whole bytes, so that two at a time take nothing from each other. Nothing is ever cleared.
 */
#ifndef EK_ADDRESSES_H
#define EK_ADDRESSES_H

#include "maps.h"
#include "packet.h"

EK_ALWAYS_INLINE __u32 ek_address_mix(__u32 hash, __u32 word)
{
	hash = (hash ^ word) * 0x9e3779b1u;
	return hash ^ hash >> 15;
}

/* As addressHash() in agent/reconcile/known-addresses.ts; the upper bits are the best. */
EK_ALWAYS_INLINE __u32 ek_address_hash(const struct ek_addr *addr)
{
	__u32 hash = 0;

	/* With constants, what all IPv4 addresses have in common is the compiler's to do. */
	if (ek_addr_is_ipv4(addr)) {
		hash = ek_address_mix(hash, 0);
		hash = ek_address_mix(hash, 0);
		hash = ek_address_mix(hash, bpf_htonl(0xffff));
	} else {
		hash = ek_address_mix(hash, addr->w[0]);
		hash = ek_address_mix(hash, addr->w[1]);
		hash = ek_address_mix(hash, addr->w[2]);
	}
	hash = ek_address_mix(hash, addr->w[3]);
	/* Neighbours differ in the upper bits of their last word: a multiply spreads upwards only.
	 */
	return hash * 0x85ebca6bu;
}

EK_ALWAYS_INLINE __u8 *ek_addresses_at(__u32 byte)
{
	__u32 index = byte / EK_BLOCK_SIZE;
	struct ek_block *block = bpf_map_lookup_elem(&ek_addresses, &index);

	return block ? &block->bytes[byte % EK_BLOCK_SIZE] : NULL;
}

EK_ALWAYS_INLINE __u8 *ek_stranger_at(__u32 hash)
{
	return ek_addresses_at((1 << EK_ADDRESS_BITS) / 8 + (hash >> (32 - EK_STRANGER_BITS)));
}

/*
 * False for what is surely none of ours, so that packets for no Service cost next to nothing.
 * True also while a flow leads to an address that no Service has any more.
 */
EK_ALWAYS_INLINE bool ek_may_be_ours(const struct ek_addr *addr)
{
	__u32 hash = ek_address_hash(addr), bit = hash >> (32 - EK_ADDRESS_BITS);
	__u8 *ours = ek_addresses_at(bit / 8), *stranger = ek_stranger_at(hash);

	return !ours || !stranger || *ours & 1 << bit % 8 || *stranger;
}

/* From now on packets to an address that is no Service's are looked up: there is a flow. */
EK_ALWAYS_INLINE void ek_note_stranger(const struct ek_addr *addr)
{
	__u8 *stranger = ek_stranger_at(ek_address_hash(addr));

	if (stranger)
		*stranger = 1;
}

EK_ALWAYS_INLINE __u8 *ek_named_at(const struct ek_addr *addr, __be16 port)
{
	__u32 hash = (ek_address_hash(addr) ^ port) * 0x9e3779b1u;

	return ek_addresses_at((1 << EK_ADDRESS_BITS) / 8 + (1 << EK_STRANGER_BITS) +
			       (hash >> (32 - EK_NAMED_BITS)));
}

/* False when surely no socket knows this backend by another name. */
EK_ALWAYS_INLINE bool ek_may_be_named(const struct ek_addr *addr, __be16 port)
{
	__u8 *named = ek_named_at(addr, port);

	return !named || *named;
}

/* Before a name is stored. */
EK_ALWAYS_INLINE void ek_note_named(const struct ek_addr *addr, __be16 port)
{
	__u8 *named = ek_named_at(addr, port);

	if (named)
		*named = 1;
}

#endif
