/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From what a client dialled to the frontend that stands for it. */
#ifndef EK_LOOKUP_H
#define EK_LOOKUP_H

#include <linux/in.h>
#include "maps.h"
#include "packet.h"

EK_ALWAYS_INLINE __u32 ek_address_mix(__u32 hash, __u32 word)
{
	hash = (hash ^ word) * 0x9e3779b1u;
	return hash ^ hash >> 15;
}

/* As addressBit() in agent/reconcile/known-addresses.ts. */
EK_ALWAYS_INLINE __u32 ek_address_bit(const struct ek_addr *addr)
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
	return hash * 0x85ebca6bu >> (32 - EK_ADDRESS_BITS);
}

/* The byte of the map in which a bit is. */
EK_ALWAYS_INLINE __u8 *ek_address_byte(__u32 bit)
{
	__u32 index = bit / 8 / EK_BLOCK_SIZE;
	struct ek_block *block = bpf_map_lookup_elem(&ek_addresses, &index);

	return block ? &block->bytes[bit / 8 % EK_BLOCK_SIZE] : NULL;
}

/* The bits that programs set are behind those of the agent, which knows of no other hand in its
 * own. */
EK_ALWAYS_INLINE __u32 ek_stranger_bit(__u32 bit)
{
	return (1 << EK_ADDRESS_BITS) + bit % EK_STRANGERS;
}

/*
 * False for what is surely none of ours, so that packets for no Service cost next to nothing.
 * True also while a flow leads to an address that no Service has any more.
 */
EK_ALWAYS_INLINE bool ek_may_be_ours(const struct ek_addr *addr)
{
	__u32 bit = ek_address_bit(addr);
	__u8 *ours = ek_address_byte(bit), *strangers = ek_address_byte(ek_stranger_bit(bit));

	return !ours || !strangers || (*ours | *strangers) & 1 << bit % 8;
}

/* From now on packets to an address that is no Service's are looked up: there is a flow. */
EK_ALWAYS_INLINE void ek_note_stranger(const struct ek_addr *addr)
{
	__u32 bit = ek_address_bit(addr);
	__u8 *byte = ek_address_byte(ek_stranger_bit(bit));

	if (byte)
		*byte |= 1 << bit % 8;
}

/* The entry that stands for an address as such, whatever the port. */
EK_ALWAYS_INLINE struct ek_frontend *ek_lookup_address(const struct ek_addr *addr)
{
	struct ek_frontend_key key = {.addr = *addr};

	return bpf_map_lookup_elem(&ek_frontends, &key);
}

/* A clusterIP, whose frontends are for clients outside, too; on a port that no Service has: the
 * address itself. */
EK_ALWAYS_INLINE struct ek_frontend *ek_lookup_cluster_ip(struct ek_frontend_key *key)
{
	struct ek_frontend *address = ek_lookup_address(&key->addr), *frontend;

	if (!address || key->scope == EK_SCOPE_CLUSTER)
		return address;
	key->scope = EK_SCOPE_CLUSTER;
	frontend = bpf_map_lookup_elem(&ek_frontends, key);
	return frontend ? frontend : address;
}

EK_ALWAYS_INLINE struct ek_frontend *ek_lookup_frontend(const struct ek_tuple *tuple, __u8 family,
							__u8 scope)
{
	struct ek_frontend_key key = {
		.addr = tuple->daddr,
		.port = tuple->dport,
		.proto = tuple->proto,
		.scope = scope,
	};
	struct ek_frontend *frontend;

	/* The keys of nodePorts are no address to dial. */
	if (ek_addr_is_any(&tuple->daddr))
		return NULL;
	frontend = bpf_map_lookup_elem(&ek_frontends, &key);
	if (frontend)
		return frontend;
	if (!bpf_map_lookup_elem(&ek_node_addrs, &tuple->daddr))
		return ek_lookup_cluster_ip(&key);
	/* A nodePort: one entry for all addresses of this node. */
	if (family == EK_IPV4)
		ek_addr_set_ipv4(&key.addr, 0);
	else
		__builtin_memset(&key.addr, 0, sizeof(key.addr));
	return bpf_map_lookup_elem(&ek_frontends, &key);
}

#endif
