/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whom a Service port serves: loadBalancerSourceRanges. */
#ifndef EK_RANGES_H
#define EK_RANGES_H

#include "maps.h"
#include "packet.h"

/* Whether an address is in the ranges that stand under a service's id. */
EK_ALWAYS_INLINE bool ek_in_ranges(__u32 service, const struct ek_addr *addr)
{
	struct ek_range key = {
		.prefix = 8 * (sizeof(key) - sizeof(key.prefix)),
		.service = service,
		.addr = *addr,
	};

	return bpf_map_lookup_elem(&ek_ranges, &key);
}

EK_ALWAYS_INLINE bool ek_is_welcome(const struct ek_packet *p, const struct ek_frontend *frontend)
{
	return !(frontend->flags & EK_FRONTEND_RANGES) ||
	       ek_in_ranges(frontend->service, &p->tuple.saddr);
}

#endif
