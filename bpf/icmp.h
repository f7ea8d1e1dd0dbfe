/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP errors about translated flows: both the packet and the one it quotes are translated. */
#ifndef EK_ICMP_H
#define EK_ICMP_H

#include "flow.h"

/*
 * Reads the packet that an ICMP error quotes, and turns its tuple round: that is
 * the tuple of packets that travel the way the error does.
 */
static __noinline int ek_icmp_read_quote(struct __sk_buff *skb, struct ek_packet *p,
					 struct ek_packet *quote)
{
	__be16 ethertype = p->family == EK_IPV4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
	struct ek_ip ip = {};
	__be16 *ports;
	int parsed = ek_parse_ip(skb, ethertype, p->l4 + sizeof(struct ek_icmp_header), &ip);

	if (parsed != EK_PARSED)
		return parsed;
	if (!ek_transport_size(ip.proto) || ip.fragment == EK_LATER_FRAGMENT || ip.l4 + 8 > p->end)
		return EK_PARSED_FOREIGN;
	ports = ek_at(skb, ip.l4, 8);
	if (!ports)
		return EK_PARSED_SHORT;
	quote->tuple.saddr = ip.daddr;
	quote->tuple.daddr = ip.saddr;
	quote->tuple.sport = ports[1];
	quote->tuple.dport = ports[0];
	quote->tuple.proto = ip.proto;
	quote->tuple.dir = p->tuple.dir;
	quote->tuple.zero = 0;
	quote->family = p->family;
	quote->l3 = ip.l3;
	quote->l4 = ip.l4;
	return EK_PARSED;
}

/* The flow that the error is about, with the packet that it quotes in `quote`; or NULL. */
EK_ALWAYS_INLINE struct ek_flow *ek_icmp_flow(struct __sk_buff *skb, struct ek_packet *p,
					      struct ek_packet *quote)
{
	int parsed = ek_icmp_read_quote(skb, p, quote);

	if (parsed == EK_PARSED_SHORT &&
	    !bpf_skb_pull_data(skb, p->end < EK_PULL ? p->end : EK_PULL))
		parsed = ek_icmp_read_quote(skb, p, quote);
	return parsed == EK_PARSED ? bpf_map_lookup_elem(&ek_flows, &quote->tuple) : NULL;
}

/* A checksum field inside the quote, if the quote reaches that far. Returns what its change adds.
 */
EK_ALWAYS_INLINE __u64 ek_icmp_fix_quoted_sum(struct __sk_buff *skb, struct ek_packet *p,
					      const struct ek_packet *quote, __u32 difference)
{
	__u32 offset = ek_csum_offset(quote->tuple.proto);
	__be16 *check;
	__u16 before;

	if (!offset || quote->l4 + offset + 2 > p->end)
		return 0;
	check = ek_at(skb, quote->l4 + offset, 2);
	if (!check)
		return 0;
	before = *check;
	if (quote->tuple.proto == IPPROTO_UDP && !before)
		return 0;
	*check = ek_csum_update(before, difference);
	if (quote->tuple.proto == IPPROTO_UDP && !*check)
		*check = 0xffff;
	return ek_csum_replace16(0, before, *check);
}

/* Translates the quote, whose direction is the opposite of `to`. Returns the difference it makes.
 */
EK_ALWAYS_INLINE int ek_icmp_rewrite_quote(struct __sk_buff *skb, struct ek_packet *p,
					   const struct ek_packet *quote,
					   const struct ek_endpoints *to, __u32 *difference)
{
	__be16 *ports = ek_at(skb, quote->l4, 4);
	__u32 addrs, both;
	__u64 sum;

	if (!ports)
		return -1;
	ports[0] = to->dport;
	ports[1] = to->sport;
	addrs = ek_csum_fold64(
		ek_csum_replace_addr(ek_csum_replace_addr(0, &quote->tuple.saddr, &to->saddr),
				     &quote->tuple.daddr, &to->daddr));
	sum = ek_csum_replace16(ek_csum_replace16(addrs, quote->tuple.sport, to->sport),
				quote->tuple.dport, to->dport);
	both = ek_csum_fold64(sum);
	if (ek_write_addrs(skb, p->family, quote->l3, &to->daddr, &to->saddr, addrs))
		return -1;
	/* An IPv4 header's own checksum makes up for its addresses. */
	if (p->family == EK_IPV4)
		sum += (__u32)~addrs;
	*difference = ek_csum_fold64(sum + ek_icmp_fix_quoted_sum(skb, p, quote, both));
	return 0;
}

/*
 * Translates an ICMP error that quotes a packet of `to`'s flow. `for_all`: whoever speaks does so
 * with the name that is known to the other end, routers as well: where a node has put its own name
 * for the client's, neither side need know a way to routers of the other (RFC 3704: what nobody
 * has a way back to is dropped).
 */
EK_ALWAYS_INLINE int ek_icmp_rewrite(struct __sk_buff *skb, struct ek_packet *p,
				     const struct ek_packet *quote, const struct ek_endpoints *to,
				     bool for_all)
{
	bool renamed = for_all || ek_addr_equal(&p->tuple.saddr, &quote->tuple.saddr);
	const struct ek_addr *saddr = renamed ? &to->saddr : &p->tuple.saddr;
	__u32 outer, inner;

	outer = ek_csum_fold64(ek_csum_replace_addr(ek_csum_replace_addr(0, &p->tuple.saddr, saddr),
						    &p->tuple.daddr, &to->daddr));
	if (ek_icmp_rewrite_quote(skb, p, quote, to, &inner))
		return -1;
	if (ek_write_addrs(skb, p->family, p->l3, saddr, &to->daddr, outer))
		return -1;
	if (bpf_l4_csum_replace(skb, p->l4 + 2, 0, inner, 0))
		return -1;
	/* ICMPv6 has a pseudo-header (RFC 4443 2.3), ICMP has not. */
	if (p->family == EK_IPV6)
		return ek_csum_apply_pseudo(skb, p, p->l4 + 2, outer, 0);
	return 0;
}

#endif
