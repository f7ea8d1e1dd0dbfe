/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes other addresses and ports into a packet, with every checksum that covers them. */
#ifndef EK_NAT_H
#define EK_NAT_H

#include "csum.h"
#include "parse.h"
#include "sctp.h"

/* What a packet is to say. */
struct ek_endpoints {
	struct ek_addr saddr;
	struct ek_addr daddr;
	__be16 sport;
	__be16 dport;
};

/* Writes addresses into the IP header at l3; an IPv4 header's own checksum follows. */
EK_ALWAYS_INLINE int ek_write_addrs(ek_ctx *ctx, __u8 family, __u32 l3, const struct ek_addr *saddr,
				    const struct ek_addr *daddr, __u32 difference)
{
	if (family == EK_IPV4) {
		struct iphdr *ip = ek_at(ctx, l3, sizeof(*ip));

		if (!ip)
			return -1;
		ip->saddr = saddr->w[3];
		ip->daddr = daddr->w[3];
		ip->check = ek_csum_update(ip->check, difference);
	} else {
		struct ipv6hdr *ip = ek_at(ctx, l3, sizeof(*ip));

		if (!ip)
			return -1;
		__builtin_memcpy(&ip->saddr, saddr, sizeof(*saddr));
		__builtin_memcpy(&ip->daddr, daddr, sizeof(*daddr));
	}
	return 0;
}

/* Offset of the checksum in a transport header; 0: it has none over a pseudo-header. */
EK_ALWAYS_INLINE __u32 ek_csum_offset(__u8 proto)
{
	if (proto == IPPROTO_TCP)
		return 16;
	if (proto == IPPROTO_UDP)
		return 6;
	return 0;
}

/* No checksum in this packet makes up for other IPv6 addresses: tell a device's own sum. */
EK_ALWAYS_INLINE void ek_csum_tell_device(ek_ctx *ctx, const struct ek_packet *p, __u32 difference)
{
	if (p->family == EK_IPV6)
		ek_device_sum_add(ctx, difference);
}

/* SCTP has no pseudo-header (RFC 9260 6.8): addresses are free to change. */
EK_ALWAYS_INLINE int ek_rewrite_sctp(ek_ctx *ctx, struct ek_packet *p,
				     const struct ek_endpoints *to, __u32 addr_difference)
{
	struct ek_sctp_header *sctp = ek_at(ctx, p->l4, sizeof(*sctp));
	bool summed = ek_summed_of(ctx) != EK_SUM_LEFT;

	ek_csum_tell_device(ctx, p, addr_difference);
	if (!sctp)
		return -1;
	if (sctp->sport == to->sport && sctp->dport == to->dport)
		return 0;
	ek_device_sum_add(ctx, ek_csum_fold64(ek_sctp_write(sctp, p->end - p->l4, to->sport,
							    to->dport, summed)));
	return 0;
}

/* Of TCP and UDP. */
EK_ALWAYS_INLINE int ek_rewrite_transport(ek_ctx *ctx, struct ek_packet *p,
					  const struct ek_endpoints *to, __u32 addr_difference)
{
	__u32 offset = ek_csum_offset(p->tuple.proto);
	__u64 flags = p->tuple.proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__be16 *ports = ek_at(ctx, p->l4, sizeof(struct udphdr));
	__u32 port_difference, summed;

	if (!ports)
		return -1;
	port_difference = ek_csum_fold64(ek_csum_replace16(
		ek_csum_replace16(0, p->tuple.sport, to->sport), p->tuple.dport, to->dport));
	ports[0] = to->sport;
	ports[1] = to->dport;
	if (p->tuple.proto == IPPROTO_UDP && !ports[3]) {
		/* Sent without a checksum: no field makes up for anything. */
		ek_device_sum_add(ctx, port_difference);
		ek_csum_tell_device(ctx, p, addr_difference);
		return 0;
	}
	summed = ek_summed_of(ctx);
	if (summed != EK_SUMMED_BY_DEVICE) {
		__u16 *check = ek_at(ctx, p->l4 + offset, sizeof(*check));

		if (!check)
			return -1;
		ek_csum_write(check, summed, addr_difference, port_difference);
		if (p->tuple.proto == IPPROTO_UDP && !*check)
			*check = 0xffff;
		return 0;
	}
	if (ek_csum_apply_pseudo(ctx, p, p->l4 + offset, addr_difference, flags))
		return -1;
	/* Ports are under the sum that a device may still have to make: not pseudo. */
	return ek_transport_sum_add(ctx, p->l4 + offset, port_difference, flags);
}

EK_ALWAYS_INLINE int ek_rewrite(ek_ctx *ctx, struct ek_packet *p, const struct ek_endpoints *to)
{
	__u32 difference = ek_csum_fold64(ek_csum_replace_addr(
		ek_csum_replace_addr(0, &p->tuple.saddr, &to->saddr), &p->tuple.daddr, &to->daddr));

	if (ek_write_addrs(ctx, p->family, p->l3, &to->saddr, &to->daddr, difference))
		return -1;
	if (p->fragment == EK_LATER_FRAGMENT) {
		ek_csum_tell_device(ctx, p, difference);
		return 0;
	}
	return p->tuple.proto == IPPROTO_SCTP ? ek_rewrite_sctp(ctx, p, to, difference)
					      : ek_rewrite_transport(ctx, p, to, difference);
}

#endif
