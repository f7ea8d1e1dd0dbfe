/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Other ports in an SCTP packet. Its CRC32c covers all of it (RFC 9260 6.8), but it is
 * linear: a difference of 4 bytes at the start of n bytes changes it by that
 * difference times x^8n, whatever the bytes are.
 */
#ifndef EK_SCTP_H
#define EK_SCTP_H

#include "packet.h"
#include "parse.h"

/* The Castagnoli polynomial, bits reversed: x^0 is the highest one. */
#define EK_CRC32C      0x82f63b78u
#define EK_CRC32C_BITS 16

/* x^(8 * 2^k): so many zero bytes behind. */
static const __u32 ek_crc_zeros[EK_CRC32C_BITS] = {
	0x00800000, 0x00008000, 0x82f63b78, 0x6ea2d55c, 0x18b8ea18, 0x510ac59a,
	0xb82be955, 0xb8fdb1e7, 0x88e56f72, 0x74c360a4, 0xe4172b16, 0x0d65762a,
	0x35d73a62, 0x28461564, 0xbf455269, 0xe2ea32dc,
};

/* Modulo the polynomial; without branches, which the verifier would follow one by one. */
static __noinline __u32 ek_crc_multiply(__u32 a, __u32 b)
{
	__u32 product = 0;

	for (int i = 0; i < 32; i++) {
		product ^= b & -(a >> 31);
		a <<= 1;
		b = b >> 1 ^ (EK_CRC32C & -(b & 1));
	}
	return product;
}

/*
 * What a difference in the first 4 of `length` bytes does to their CRC32c. Not static: the
 * verifier looks at it once, and not at each place that calls it (kernel 5.6).
 */
__noinline __u32 ek_crc_difference(__u32 difference, __u32 length)
{
	for (int i = 0; i < EK_CRC32C_BITS; i++)
		if (length >> i & 1)
			difference = ek_crc_multiply(difference, ek_crc_zeros[i]);
	return difference;
}

struct ek_sctp_header {
	__be16 sport;
	__be16 dport;
	__be32 tag;
	__u32 checksum; /* its lowest byte comes first */
};

/*
 * Writes the ports, and the checksum unless it is left to the device. Returns what
 * that changes for a sum over the packet.
 */
EK_ALWAYS_INLINE __u64 ek_sctp_write(struct ek_sctp_header *sctp, __u32 length, __be16 sport,
				     __be16 dport, bool summed)
{
	union {
		__be16 ports[2];
		__u32 word;
	} change = {.ports = {sctp->sport ^ sport, sctp->dport ^ dport}};
	__be32 *words = (__be32 *)sctp, before = words[0], check = words[2];

	sctp->sport = sport;
	sctp->dport = dport;
	if (summed)
		sctp->checksum ^= ek_crc_difference(change.word, length);
	return (__u64)(__u32)~before + words[0] + (__u32)~check + words[2];
}

#endif
