/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Refusal: the packet becomes an ICMP error to its sender (port unreachable, too
 * big, time exceeded), from the address that was dialled, and goes back out of the
 * device it came from.
 */
#ifndef EK_REFUSE_H
#define EK_REFUSE_H

#include "csum.h"
#include "parse.h"
#include "settings.h"

/* RFC 792 asks for 8 bytes of the transport header; for TCP we quote all of its fixed part. */
#define EK_QUOTE_TCP	    20
#define EK_QUOTE_OTHER	    8
#define EK_QUOTE_WORDS	    32
#define EK_REFUSE_HOP_LIMIT 64

/* What the sender is told; for EK_SAY_TOO_BIG with the MTU in the upper 16 bits. */
enum ek_say {
	EK_SAY_PORT = 0,
	EK_SAY_TOO_BIG = 1,
	EK_SAY_HOPS = 2,
};

#define EK_SAY_MTU(mtu) (EK_SAY_TOO_BIG | (__u32)(mtu) << 16)

/* The start of the message. RFC 792, RFC 1191 4; RFC 4443 3.1-3.3. */
EK_ALWAYS_INLINE void ek_icmp_say(struct ek_icmp_header *icmp, __u8 family, __u32 say)
{
	bool ipv4 = family == EK_IPV4;

	icmp->type = ipv4 ? EK_ICMP_UNREACHABLE : EK_ICMP6_UNREACHABLE;
	icmp->code = ipv4 ? EK_ICMP_CODE_PORT : EK_ICMP6_CODE_PORT;
	if ((say & 0xffff) == EK_SAY_HOPS) {
		icmp->type = ipv4 ? EK_ICMP_TIME_EXCEEDED : EK_ICMP6_TIME_EXCEEDED;
		icmp->code = 0;
	} else if ((say & 0xffff) == EK_SAY_TOO_BIG) {
		icmp->type = ipv4 ? EK_ICMP_UNREACHABLE : EK_ICMP6_TOO_BIG;
		icmp->code = ipv4 ? EK_ICMP_CODE_TOO_BIG : 0;
		icmp->rest = bpf_htonl(say >> 16);
	}
}

struct ek_icmp4_answer {
	struct iphdr ip;
	struct ek_icmp_header icmp;
};

struct ek_icmp6_answer {
	struct ipv6hdr ip;
	struct ek_icmp_header icmp;
};

EK_ALWAYS_INLINE void ek_swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

EK_ALWAYS_INLINE int ek_turn_back(struct __sk_buff *skb)
{
	struct ethhdr *eth = ek_at(skb, 0, sizeof(*eth));

	if (!eth)
		return -1;
	ek_swap_macs(eth);
	return 0;
}

/* Sum of `length` bytes (a multiple of 4) from `offset` on. */
static __noinline __u32 ek_csum_packet(struct __sk_buff *skb, __u32 offset, __u32 length)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < EK_QUOTE_WORDS && i * 4 < length; i++) {
		__be32 *word = ek_at(skb, offset + i * 4, 4);

		if (!word)
			break;
		sum += *word;
	}
	return ek_csum_fold64(sum);
}

/* What was written over zeros: a device's own sum does not know it. */
EK_ALWAYS_INLINE void ek_csum_tell_device_words(struct __sk_buff *skb, const __be32 *words,
						int count)
{
	__u64 sum = 0;

	for (int i = 0; i < count; i++)
		sum += words[i];
	bpf_csum_update(skb, ek_csum_fold64(sum));
}

/* `quoted`: the sum of the `quote` bytes that follow. */
EK_ALWAYS_INLINE int ek_answer_ipv4(struct __sk_buff *skb, const struct ek_packet *p, __u32 say,
				    __u32 quote, __u32 quoted)
{
	struct ek_icmp4_answer *answer = ek_at(skb, sizeof(struct ethhdr), sizeof(*answer));
	__u64 sum = 0;

	if (!answer)
		return -1;
	__builtin_memset(answer, 0, sizeof(*answer));
	answer->ip.version = 4;
	answer->ip.ihl = 5;
	answer->ip.tos = 0xc0; /* internetwork control, as Linux (RFC 1812 4.3.2.5) */
	answer->ip.tot_len = bpf_htons(sizeof(*answer) + quote);
	answer->ip.ttl = EK_REFUSE_HOP_LIMIT;
	answer->ip.protocol = IPPROTO_ICMP;
	answer->ip.saddr = p->tuple.daddr.w[3];
	answer->ip.daddr = p->tuple.saddr.w[3];
	for (int i = 0; i < 5; i++)
		sum += ((__be32 *)&answer->ip)[i];
	answer->ip.check = ~ek_csum_fold(ek_csum_fold64(sum));
	ek_icmp_say(&answer->icmp, EK_IPV4, say);
	sum = (__u64)quoted + *(__be32 *)&answer->icmp + answer->icmp.rest;
	answer->icmp.checksum = ~ek_csum_fold(ek_csum_fold64(sum));
	ek_csum_tell_device_words(skb, (__be32 *)answer, sizeof(*answer) / 4);
	return 0;
}

EK_ALWAYS_INLINE int ek_answer_ipv6(struct __sk_buff *skb, const struct ek_packet *p, __u32 say,
				    __u32 quote, __u32 quoted)
{
	struct ek_icmp6_answer *answer = ek_at(skb, sizeof(struct ethhdr), sizeof(*answer));
	__u64 sum;

	if (!answer)
		return -1;
	__builtin_memset(answer, 0, sizeof(*answer));
	answer->ip.version = 6;
	answer->ip.payload_len = bpf_htons(sizeof(answer->icmp) + quote);
	answer->ip.nexthdr = IPPROTO_ICMPV6;
	answer->ip.hop_limit = EK_REFUSE_HOP_LIMIT;
	__builtin_memcpy(&answer->ip.saddr, &p->tuple.daddr, sizeof(answer->ip.saddr));
	__builtin_memcpy(&answer->ip.daddr, &p->tuple.saddr, sizeof(answer->ip.daddr));
	ek_icmp_say(&answer->icmp, EK_IPV6, say);
	/* The pseudo-header of RFC 8200 8.1. */
	sum = (__u64)quoted + *(__be32 *)&answer->icmp + answer->icmp.rest;
	for (int i = 0; i < 4; i++)
		sum += (__u64)p->tuple.saddr.w[i] + p->tuple.daddr.w[i];
	sum += bpf_htonl(sizeof(answer->icmp) + quote);
	sum += bpf_htonl(IPPROTO_ICMPV6);
	answer->icmp.checksum = ~ek_csum_fold(ek_csum_fold64(sum));
	ek_csum_tell_device_words(skb, (__be32 *)answer, sizeof(*answer) / 4);
	return 0;
}

/* Cuts the packet to the quote, and puts the answer's headers in front of it. */
EK_ALWAYS_INLINE int ek_answer(struct __sk_buff *skb, const struct ek_packet *p, __u32 say,
			       __u32 quote)
{
	bool ipv4 = p->family == EK_IPV4;
	__u32 room = ipv4 ? sizeof(struct ek_icmp4_answer) : sizeof(struct ek_icmp6_answer);
	__u32 quoted;

	/* Cutting also takes off GSO, which an ICMP packet can't have. */
	if (bpf_skb_change_tail(skb, p->l3 + quote, 0) || bpf_skb_pull_data(skb, p->l3 + quote))
		return -1;
	quoted = ek_csum_packet(skb, p->l3, quote);
	if (bpf_skb_adjust_room(skb, room, BPF_ADJ_ROOM_MAC, 0))
		return -1;
	return ipv4 ? ek_answer_ipv4(skb, p, say, quote, quoted)
		    : ek_answer_ipv6(skb, p, say, quote, quoted);
}

/* Later fragments and ICMP errors are never answered, nor redirects (RFC 1122 3.2.2, RFC 4443 2.4
 * e). */
EK_ALWAYS_INLINE bool ek_may_be_answered(struct __sk_buff *skb, const struct ek_packet *p)
{
	__u8 *type;

	if (p->fragment == EK_LATER_FRAGMENT || p->kind == EK_KIND_ICMP_ERROR)
		return false;
	if (p->tuple.proto != (p->family == EK_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return true;
	type = ek_at(skb, p->l4, 1);
	return type && !ek_icmp_is_error(p->tuple.proto, *type) &&
	       !(p->family == EK_IPV4 && *type == EK_ICMP_REDIRECT);
}

/*
 * `say`: enum ek_say. Zero, and the packet is the answer, ready to be redirected; else
 * an ek_reason, and the packet is fit for nothing but to be dropped.
 */
static __noinline int ek_refuse(struct __sk_buff *skb, struct ek_packet *p, __u32 say)
{
	__u32 quote =
		p->l4 - p->l3 + (p->tuple.proto == IPPROTO_TCP ? EK_QUOTE_TCP : EK_QUOTE_OTHER);

	if (!ek_may_be_answered(skb, p))
		return EK_REASON_REFUSE_FAILED;
	if (!ek_may_answer_now())
		return EK_REASON_ANSWERS_CAPPED;
	/* Tagged in band: the room would be made at the wrong place. */
	if (p->l3 != sizeof(struct ethhdr) || quote > EK_QUOTE_WORDS * 4 || p->l3 + quote > p->end)
		return EK_REASON_REFUSE_FAILED;
	if (ek_answer(skb, p, say, quote) || ek_turn_back(skb))
		return EK_REASON_REFUSE_FAILED;
	return 0;
}

#endif
