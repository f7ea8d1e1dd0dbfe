/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From what a client dialled to the frontend that stands for it. */
#ifndef EK_LOOKUP_H
#define EK_LOOKUP_H

#include <linux/in.h>
#include "addresses.h"

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
