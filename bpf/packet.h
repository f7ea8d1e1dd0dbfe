/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet at a hook: where its headers are and what they say. */
#ifndef EK_PACKET_H
#define EK_PACKET_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "types.h"

#define EK_ALWAYS_INLINE static __always_inline

enum ek_family {
	EK_IPV4 = 4,
	EK_IPV6 = 6,
};

enum ek_fragment_kind {
	EK_WHOLE = 0,
	EK_FIRST_FRAGMENT = 1,
	EK_LATER_FRAGMENT = 2,
};

enum ek_packet_kind {
	EK_KIND_PORTS,	    /* TCP, UDP or SCTP: the tuple is complete (but for later fragments) */
	EK_KIND_ICMP_ERROR, /* quotes another packet */
	EK_KIND_OTHER,	    /* anything else in IP */
};

/*
 * Lives in per-CPU memory (scratch.h), not on the stack: that leaves the stack to
 * keys, and the verifier, which forgets what it knew of values in memory, need not
 * follow every way through the parser to the end of the program.
 */
struct ek_packet {
	struct ek_tuple tuple;
	__be32 fragment_id;
	__u32 l3;	/* offset of the network header */
	__u32 l4;	/* offset of the transport header */
	__u32 end;	/* offset of the packet's end, by its IP header */
	__u8 family;	/* enum ek_family */
	__u8 fragment;	/* enum ek_fragment_kind */
	__u8 kind;	/* enum ek_packet_kind */
	__u8 tcp_flags; /* EK_TCP_* */
	__u8 direct;	/* at an uplink: its Service wants replies to pass this node by */
};

#define EK_TCP_FIN 0x01
#define EK_TCP_SYN 0x02
#define EK_TCP_RST 0x04
#define EK_TCP_ACK 0x10

EK_ALWAYS_INLINE bool ek_addr_equal(const struct ek_addr *a, const struct ek_addr *b)
{
	return a->w[0] == b->w[0] && a->w[1] == b->w[1] && a->w[2] == b->w[2] && a->w[3] == b->w[3];
}

EK_ALWAYS_INLINE void ek_addr_set_ipv4(struct ek_addr *addr, __be32 ipv4)
{
	addr->w[0] = 0;
	addr->w[1] = 0;
	addr->w[2] = bpf_htonl(0xffff);
	addr->w[3] = ipv4;
}

EK_ALWAYS_INLINE bool ek_addr_is_ipv4(const struct ek_addr *addr)
{
	return !addr->w[0] && !addr->w[1] && addr->w[2] == bpf_htonl(0xffff);
}

/* 0.0.0.0 or ::. */
EK_ALWAYS_INLINE bool ek_addr_is_any(const struct ek_addr *addr)
{
	return !addr->w[3] && !addr->w[0] && !addr->w[1] &&
	       (!addr->w[2] || addr->w[2] == bpf_htonl(0xffff));
}

#endif
