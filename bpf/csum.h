/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Incremental Internet checksums (RFC 1624). A difference is a 32-bit ones' complement sum. */
#ifndef EK_CSUM_H
#define EK_CSUM_H

#include "packet.h"

/*
 * Kernel 6.16 (and stable kernels since): the packet is IPv6, whose addresses are
 * covered by no checksum but the transport's; without it a device's sum over the
 * whole packet (CHECKSUM_COMPLETE) comes out wrong.
 */
#define EK_F_IPV6 (1ull << 7)

EK_ALWAYS_INLINE __u32 ek_csum_fold64(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return sum;
}

EK_ALWAYS_INLINE __u16 ek_csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

EK_ALWAYS_INLINE __u64 ek_csum_replace32(__u64 sum, __be32 from, __be32 to)
{
	return sum + (__u32)~from + to;
}

EK_ALWAYS_INLINE __u64 ek_csum_replace16(__u64 sum, __be16 from, __be16 to)
{
	return sum + (__u16)~from + to;
}

/* The constant start of mapped IPv4 addresses cancels out. */
EK_ALWAYS_INLINE __u64 ek_csum_replace_addr(__u64 sum, const struct ek_addr *from,
					    const struct ek_addr *to)
{
	for (int i = 0; i < 4; i++)
		sum = ek_csum_replace32(sum, from->w[i], to->w[i]);
	return sum;
}

/* RFC 1624 eqn. 3 on a checksum field. */
EK_ALWAYS_INLINE __u16 ek_csum_update(__u16 check, __u32 difference)
{
	return ~ek_csum_fold(ek_csum_fold64((__u64)(__u16)~check + difference));
}

/* A pseudo-header difference: also right where the device or the receiver finishes the sum. */
EK_ALWAYS_INLINE int ek_csum_apply_pseudo(ek_ctx *ctx, struct ek_packet *p, __u32 offset,
					  __u32 difference, __u64 flags)
{
	int error;

	flags |= BPF_F_PSEUDO_HDR;
	if (p->family == EK_IPV6) {
		error = ek_transport_sum_add(ctx, offset, difference, flags | EK_F_IPV6);
		if (error != -22 /* EINVAL: a kernel that does not know the flag */)
			return error;
	}
	return ek_transport_sum_add(ctx, offset, difference, flags);
}

/* Changes a checksum field as bpf_l4_csum_replace does, where no sum of a device has to follow. */
EK_ALWAYS_INLINE void ek_csum_write(__u16 *check, __u32 summed, __u32 addr_difference,
				    __u32 port_difference)
{
	if (summed == EK_SUM_LEFT)
		*check = ek_csum_fold(ek_csum_fold64((__u64)*check + addr_difference));
	else
		*check = ek_csum_update(*check,
					ek_csum_fold64((__u64)addr_difference + port_difference));
}

#endif
