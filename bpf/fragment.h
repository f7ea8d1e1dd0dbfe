/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Later fragments have no ports: they follow what the first one taught. */
#ifndef EK_FRAGMENT_H
#define EK_FRAGMENT_H

#include "clock.h"
#include "maps.h"

/* How long a datagram may be on its way: ids come round (RFC 791: 15 s at the least, Linux: 30 s).
 */
#define EK_FRAGMENT_TIME (30 * EK_SECOND)

EK_ALWAYS_INLINE void ek_fragment_key_of(const struct ek_packet *p, struct ek_fragment_key *key)
{
	key->saddr = p->tuple.saddr;
	key->daddr = p->tuple.daddr;
	key->id = p->fragment_id;
	key->proto = p->tuple.proto;
	key->dir = p->tuple.dir;
	key->zero = 0;
}

EK_ALWAYS_INLINE void ek_fragment_learn(const struct ek_packet *p, __u64 now)
{
	struct ek_fragment value = {.seen = now, .sport = p->tuple.sport, .dport = p->tuple.dport};
	struct ek_fragment_key key;

	ek_fragment_key_of(p, &key);
	bpf_map_update_elem(&ek_fragments, &key, &value, BPF_ANY);
}

/* Fills in the ports. False when the first fragment was not seen. */
EK_ALWAYS_INLINE bool ek_fragment_recall(struct ek_packet *p, __u64 now)
{
	struct ek_fragment_key key;
	struct ek_fragment *value;

	ek_fragment_key_of(p, &key);
	value = bpf_map_lookup_elem(&ek_fragments, &key);
	if (!value || now - value->seen >= EK_FRAGMENT_TIME)
		return false;
	p->tuple.sport = value->sport;
	p->tuple.dport = value->dport;
	return true;
}

#endif
