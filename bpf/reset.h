/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Refusal of a TCP connection: the SYN becomes its own RST (RFC 9293 3.5.2).
 *
 * An ICMP error would say the same, but over a veth it comes back while the
 * socket is still busy sending: Linux notes it as a soft error, and connect()
 * fails a second later, when the SYN is sent again. A RST is queued and heard.
 */
#ifndef EK_RESET_H
#define EK_RESET_H

#include "csum.h"
#include "flow.h"
#include "parse.h"
#include "refuse.h"

#define EK_RESET_FLAGS (5 << 12 | EK_TCP_RST | EK_TCP_ACK)

/* A TCP header in 16-bit words, as checksums see it. */
struct ek_tcp_words {
	__be16 sport;
	__be16 dport;
	__be32 seq;
	__be32 ack;
	__be16 offset_flags;
	__be16 window;
	__be16 check;
	__be16 urgent;
};

/* Bytes of options. Negative: not a bare SYN, it carries data. */
EK_ALWAYS_INLINE int ek_syn_options(const struct ek_packet *p, const struct ek_tcp_words *tcp)
{
	__u32 header = (bpf_ntohs(tcp->offset_flags) >> 12) * 4;

	if (header < sizeof(*tcp) || p->l4 + header != p->end)
		return -1;
	return header - sizeof(*tcp);
}

/* Turns the IP header round; returns what that changes for a sum over the packet. */
EK_ALWAYS_INLINE __u32 ek_reset_ip(struct __sk_buff *skb, struct ek_packet *p)
{
	__u16 length = p->l4 - p->l3 + sizeof(struct ek_tcp_words);

	if (p->family == EK_IPV4) {
		struct iphdr *ip = ek_at(skb, p->l3, sizeof(*ip));
		__be16 *words = (__be16 *)ip;
		__be16 ttl, total;
		__u64 sum;

		if (!ip)
			return 0;
		ttl = words[4];
		total = ip->tot_len;
		ip->saddr = p->tuple.daddr.w[3];
		ip->daddr = p->tuple.saddr.w[3];
		ip->tot_len = bpf_htons(length);
		ip->ttl = EK_REFUSE_HOP_LIMIT;
		sum = ek_csum_replace16(ek_csum_replace16(0, ttl, words[4]), total, ip->tot_len);
		ip->check = ek_csum_update(ip->check, ek_csum_fold64(sum));
		return 0;
	} else {
		struct ipv6hdr *ip = ek_at(skb, p->l3, sizeof(*ip));
		__be32 hops;

		if (!ip)
			return 0;
		hops = ((__be32 *)ip)[1];
		__builtin_memcpy(&ip->saddr, &p->tuple.daddr, sizeof(ip->saddr));
		__builtin_memcpy(&ip->daddr, &p->tuple.saddr, sizeof(ip->daddr));
		ip->payload_len = bpf_htons(length - sizeof(*ip));
		ip->hop_limit = EK_REFUSE_HOP_LIMIT;
		return ek_csum_fold64(ek_csum_replace32(0, hops, ((__be32 *)ip)[1]));
	}
}

/* Writes the RST over the SYN; returns what that changes for its checksum. */
EK_ALWAYS_INLINE __u64 ek_reset_tcp(struct ek_tcp_words *tcp)
{
	struct ek_tcp_words syn = *tcp;
	__u64 sum;

	tcp->sport = syn.dport;
	tcp->dport = syn.sport;
	tcp->seq = 0;
	tcp->ack = bpf_htonl(bpf_ntohl(syn.seq) + 1);
	tcp->offset_flags = bpf_htons(EK_RESET_FLAGS);
	tcp->window = 0;
	tcp->urgent = 0;
	sum = ek_csum_replace32(ek_csum_replace32(0, syn.seq, 0), syn.ack, tcp->ack);
	sum = ek_csum_replace16(sum, syn.offset_flags, tcp->offset_flags);
	return ek_csum_replace16(ek_csum_replace16(sum, syn.window, 0), syn.urgent, 0);
}

/* Zero: the packet is the RST, ready to be redirected. -1: unchanged. -2: only to be dropped. */
static __noinline int ek_reset(struct __sk_buff *skb, struct ek_packet *p)
{
	struct ek_tcp_words *tcp = ek_at(skb, p->l4, sizeof(*tcp));
	__u32 check = p->l4 + 16, header, pseudo;
	__u64 sum;
	int options;

	if (!tcp || !ek_is_opening_syn(p) || p->fragment != EK_WHOLE)
		return -1;
	options = ek_syn_options(p, tcp);
	if (options < 0)
		return -1;
	sum = (__u32)~ek_csum_packet(skb, p->l4 + sizeof(*tcp), options);
	tcp = ek_at(skb, p->l4, sizeof(*tcp));
	if (!tcp)
		return -1;
	sum += ek_reset_tcp(tcp);
	header = ek_reset_ip(skb, p);
	if (bpf_skb_change_tail(skb, check + 4, 0))
		return -2;
	pseudo = ek_csum_fold64(
		ek_csum_replace16(0, bpf_htons(sizeof(*tcp) + options), bpf_htons(sizeof(*tcp))));
	if (bpf_l4_csum_replace(skb, check, 0, pseudo, BPF_F_PSEUDO_HDR) ||
	    bpf_l4_csum_replace(skb, check, 0, ek_csum_fold64(sum), 0))
		return -2;
	/* Where the packet was cut, the kernel has forgotten a device's own sum. */
	bpf_csum_update(skb, header);
	return ek_turn_back(skb) ? -2 : 0;
}

#endif
