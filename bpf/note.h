/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Direct server return (docs/dsr.md): the node that was dialled tells the backend's
 * node under which name to answer, in a note that the packet carries: an IPv4 option
 * or an IPv6 destination option, right behind the fixed header.
 */
#ifndef EK_NOTE_H
#define EK_NOTE_H

#include "route.h"

/* For experiments (RFC 4727 2.1, 3.2), and ignored by whoever does not know it. IPv4: copied to
 * fragments. */
#define EK_NOTE_TYPE4 158
#define EK_NOTE_TYPE6 0x1e
/* Tells ours from other experiments. */
#define EK_NOTE_MAGIC 0xd5

enum ek_note_flag {
	EK_NOTE_FIN = 1, /* the client has sent a FIN, perhaps in a packet without a note */
};

struct ek_note4 {
	__u8 type;
	__u8 length;
	__u8 magic;
	__u8 flags; /* enum ek_note_flag */
	__be32 addr;
	__be16 port;
	__be16 zero; /* end of the options */
};

/* A destination options header with one option. */
struct ek_note6 {
	__u8 next;
	__u8 words; /* of 8 bytes, not counting the first */
	__u8 type;
	__u8 length; /* of what follows */
	__u8 magic;
	__u8 flags; /* enum ek_note_flag */
	__be16 port;
	struct ek_addr addr;
};

#define EK_NOTE4_LENGTH 10
#define EK_NOTE6_LENGTH 20

struct ek_noted4 {
	struct iphdr ip;
	struct ek_note4 note;
};

struct ek_noted6 {
	struct ipv6hdr ip;
	struct ek_note6 note;
};

_Static_assert(sizeof(struct ek_noted4) == 32, "IPv4 with a note");
_Static_assert(sizeof(struct ek_noted6) == 64, "IPv6 with a note");

EK_ALWAYS_INLINE __u32 ek_note_size(const struct ek_packet *p)
{
	return p->family == EK_IPV4 ? sizeof(struct ek_note4) : sizeof(struct ek_note6);
}

EK_ALWAYS_INLINE __u32 ek_fixed_header(const struct ek_packet *p)
{
	return p->family == EK_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Whatever is written there as: the compiler must not think that they stay as they were. */
typedef __be32 __attribute__((may_alias)) ek_any_word;
typedef __be16 __attribute__((may_alias)) ek_any_half;

/* A difference of `count` words that come (or, with `gone`, go). */
EK_ALWAYS_INLINE __u64 ek_note_sum(const void *note, int count, bool gone)
{
	const ek_any_word *words = note;
	__u64 sum = 0;

	for (int i = 0; i < count; i++)
		sum += gone ? (__u32)~words[i] : words[i];
	return sum;
}

/*
 * Puts the IPv4 header in order for a note that is there (or, with `gone`, about to go: the kernel
 * takes it out of a device's own sum, too, of which the header's makes up for it already).
 */
EK_ALWAYS_INLINE void ek_note_count4(ek_ctx *ctx, struct ek_noted4 *noted, bool gone)
{
	__u64 sum = ek_note_sum(&noted->note, sizeof(noted->note) / 4, gone);
	const ek_any_half *words = (const ek_any_half *)&noted->ip;
	__be16 first = words[0], length = noted->ip.tot_len;
	__u32 size = gone ? sizeof(noted->ip) : sizeof(*noted);
	int change = gone ? -(int)sizeof(noted->note) : (int)sizeof(noted->note);

	noted->ip.ihl = size / 4;
	noted->ip.tot_len = bpf_htons(bpf_ntohs(length) + change);
	sum = ek_csum_replace16(sum, first, words[0]);
	sum = ek_csum_replace16(sum, length, noted->ip.tot_len);
	noted->ip.check = ek_csum_update(noted->ip.check, ek_csum_fold64(sum));
	if (gone)
		ek_device_sum_add(ctx, ek_csum_fold64(ek_note_sum(&noted->note,
								  sizeof(noted->note) / 4, false)));
}

/* The same for IPv6, where only a device's own sum covers any of it. */
EK_ALWAYS_INLINE void ek_note_count6(ek_ctx *ctx, struct ek_noted6 *noted, bool gone)
{
	__u64 sum = gone ? 0 : ek_note_sum(&noted->note, sizeof(noted->note) / 4, false);
	const ek_any_half *words = (const ek_any_half *)&noted->ip;
	__be16 next = words[3], length = noted->ip.payload_len;
	int change = gone ? -(int)sizeof(noted->note) : (int)sizeof(noted->note);

	noted->ip.nexthdr = gone ? noted->note.next : IPPROTO_DSTOPTS;
	noted->ip.payload_len = bpf_htons(bpf_ntohs(length) + change);
	sum = ek_csum_replace16(sum, next, words[3]);
	sum = ek_csum_replace16(sum, length, noted->ip.payload_len);
	ek_device_sum_add(ctx, ek_csum_fold64(sum));
}

#endif
