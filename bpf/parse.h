/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From bytes to struct ek_packet. Nothing is changed here. */
#ifndef EK_PARSE_H
#define EK_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "packet.h"

enum ek_parsed {
	EK_PARSED,
	EK_PARSED_SHORT,   /* headers go on beyond the linear part */
	EK_PARSED_FOREIGN, /* not IP, or malformed: not ours to touch */
};

struct ek_vlan {
	__be16 tci;
	__be16 proto;
};

struct ek_fragment_header {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

/* RFC 8200 4.3-4.6. Mobility and HIP headers have a checksum over the addresses: they are not
 * walked. */
struct ek_extension {
	__u8 next;
	__u8 length; /* in 8 bytes, not counting the first 8 */
	__u8 routing_type;
	__u8 segments_left;
};

/* The start of every ICMP and ICMPv6 message (RFC 792, RFC 4443 2.1). <linux/icmp.h> needs a C
 * library. */
struct ek_icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

enum ek_icmp_type {
	EK_ICMP_UNREACHABLE = 3, /* code 3: port */
	EK_ICMP_SOURCE_QUENCH = 4,
	EK_ICMP_REDIRECT = 5,
	EK_ICMP_TIME_EXCEEDED = 11,
	EK_ICMP_PARAMETER_PROBLEM = 12,
	EK_ICMP6_UNREACHABLE = 1, /* code 4: port */
	EK_ICMP6_TOO_BIG = 2,
	EK_ICMP6_TIME_EXCEEDED = 3,
	EK_ICMP6_INFORMATIONAL = 128, /* errors are below */
};

#define EK_ICMP_CODE_PORT    3
#define EK_ICMP_CODE_TOO_BIG 4
#define EK_ICMP6_CODE_PORT   4

#define EK_VLAN_DEPTH	   2
#define EK_EXTENSION_DEPTH 8
#define EK_IP_MF	   0x2000
#define EK_IP_OFFSET	   0x1fff

/*
 * A pointer to `length` bytes at `offset`, or NULL when they are not all in the
 * linear part. The offset is bounded so that the verifier can follow it: no
 * header that we read lies further in than this.
 */
#define EK_MAX_OFFSET 0x3ff
EK_ALWAYS_INLINE void *ek_at(ek_ctx *ctx, __u32 offset, __u32 length)
{
	void *data = ek_data(ctx), *end = ek_data_end(ctx);
	void *at;

	if (offset > EK_MAX_OFFSET)
		return NULL;
	/* The compiler knows the range and would drop a mask in C; old verifiers forget it. */
	asm volatile("%0 &= 0x3ff" : "+r"(offset));
	at = data + offset;
	if (at + length > end)
		return NULL;
	return at;
}

/* One IP header with its options or extensions. */
struct ek_ip {
	struct ek_addr saddr;
	struct ek_addr daddr;
	__be32 fragment_id;
	__u32 l3;
	__u32 l4;
	__u32 end; /* by the length field; ~0 where that says nothing (BIG TCP, RFC 2675) */
	__u8 family;
	__u8 proto;
	__u8 fragment;
};

EK_ALWAYS_INLINE int ek_parse_ipv4(ek_ctx *ctx, __u32 l3, struct ek_ip *ip)
{
	struct iphdr *header = ek_at(ctx, l3, sizeof(*header));
	__u16 fragment, length;

	if (!header)
		return EK_PARSED_SHORT;
	if (header->version != 4 || header->ihl < 5)
		return EK_PARSED_FOREIGN;
	ek_addr_set_ipv4(&ip->saddr, header->saddr);
	ek_addr_set_ipv4(&ip->daddr, header->daddr);
	ip->family = EK_IPV4;
	ip->proto = header->protocol;
	ip->fragment_id = header->id;
	fragment = bpf_ntohs(header->frag_off);
	if (fragment & EK_IP_OFFSET)
		ip->fragment = EK_LATER_FRAGMENT;
	else if (fragment & EK_IP_MF)
		ip->fragment = EK_FIRST_FRAGMENT;
	ip->l3 = l3;
	ip->l4 = l3 + header->ihl * 4;
	length = bpf_ntohs(header->tot_len);
	ip->end = length ? l3 + length : ~0u;
	return EK_PARSED;
}

EK_ALWAYS_INLINE int ek_parse_ipv6(ek_ctx *ctx, __u32 l3, struct ek_ip *ip)
{
	struct ipv6hdr *header = ek_at(ctx, l3, sizeof(*header));
	__u16 length;
	__u32 at;
	__u8 next;

	if (!header)
		return EK_PARSED_SHORT;
	if (header->version != 6)
		return EK_PARSED_FOREIGN;
	__builtin_memcpy(&ip->saddr, &header->saddr, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, &header->daddr, sizeof(ip->daddr));
	ip->family = EK_IPV6;
	ip->l3 = l3;
	length = bpf_ntohs(header->payload_len);
	ip->end = length ? l3 + sizeof(*header) + length : ~0u;
	next = header->nexthdr;
	at = l3 + sizeof(*header);

	for (int i = 0; i < EK_EXTENSION_DEPTH; i++) {
		if (next == IPPROTO_FRAGMENT) {
			struct ek_fragment_header *fragment = ek_at(ctx, at, sizeof(*fragment));

			if (!fragment)
				return EK_PARSED_SHORT;
			ip->fragment_id = fragment->id;
			/* M is the lowest bit. Set without a branch: of one the verifier would
			 * follow both ways to the end, from each of the extensions. */
			if (bpf_ntohs(fragment->offset) & 0xfff8)
				ip->fragment = EK_LATER_FRAGMENT;
			else
				ip->fragment |= bpf_ntohs(fragment->offset) & EK_FIRST_FRAGMENT;
			next = fragment->next;
			at += sizeof(*fragment);
			if (ip->fragment == EK_LATER_FRAGMENT)
				break;
		} else if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
			   next == IPPROTO_DSTOPTS) {
			struct ek_extension *extension = ek_at(ctx, at, sizeof(*extension));

			if (!extension)
				return EK_PARSED_SHORT;
			/* The destination is only a stop on the way, and not the one under the
			 * checksum. */
			if (next == IPPROTO_ROUTING && extension->segments_left)
				return EK_PARSED_FOREIGN;
			next = extension->next;
			at += 8 + extension->length * 8;
		} else {
			break;
		}
	}
	ip->proto = next;
	ip->l4 = at;
	return EK_PARSED;
}

/* Reads the IP header at l3; proto_hint is its ethertype. */
EK_ALWAYS_INLINE int ek_parse_ip(ek_ctx *ctx, __be16 ethertype, __u32 l3, struct ek_ip *ip)
{
	int parsed;

	if (ethertype == bpf_htons(ETH_P_IP))
		parsed = ek_parse_ipv4(ctx, l3, ip);
	else if (ethertype == bpf_htons(ETH_P_IPV6))
		parsed = ek_parse_ipv6(ctx, l3, ip);
	else
		return EK_PARSED_FOREIGN;
	if (parsed == EK_PARSED && ip->l4 > ip->end)
		return EK_PARSED_FOREIGN;
	return parsed;
}

/* RFC 792, RFC 1122 3.2.2: destination unreachable, source quench, time exceeded, parameter
 * problem. */
EK_ALWAYS_INLINE bool ek_icmp_is_error(__u8 proto, __u8 type)
{
	if (proto == IPPROTO_ICMP)
		return type == EK_ICMP_UNREACHABLE || type == EK_ICMP_SOURCE_QUENCH ||
		       type == EK_ICMP_TIME_EXCEEDED || type == EK_ICMP_PARAMETER_PROBLEM;
	return type < EK_ICMP6_INFORMATIONAL;
}

/* Smallest transport header that we need whole; 0: a protocol without ports. */
EK_ALWAYS_INLINE __u32 ek_transport_size(__u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
		return sizeof(struct udphdr);
	case IPPROTO_SCTP:
		return 12; /* RFC 9260 3.1 */
	}
	return 0;
}

EK_ALWAYS_INLINE int ek_parse_transport(ek_ctx *ctx, struct ek_packet *p)
{
	__u32 size = ek_transport_size(p->tuple.proto);

	if (p->fragment == EK_LATER_FRAGMENT) {
		p->kind = size ? EK_KIND_PORTS : EK_KIND_OTHER;
		return EK_PARSED;
	}
	if (size) {
		__be16 *ports;

		if (p->l4 + size > p->end)
			return EK_PARSED_FOREIGN;
		ports = ek_at(ctx, p->l4, 8);
		if (!ports)
			return EK_PARSED_SHORT;
		p->kind = EK_KIND_PORTS;
		p->tuple.sport = ports[0];
		p->tuple.dport = ports[1];
	}
	if (p->tuple.proto == IPPROTO_TCP) {
		__u8 *tcp = ek_at(ctx, p->l4, sizeof(struct tcphdr));

		if (!tcp)
			return EK_PARSED_SHORT;
		p->tcp_flags = tcp[13];
	} else if (p->tuple.proto == (p->family == EK_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		struct ek_icmp_header *icmp;

		if (p->l4 + sizeof(*icmp) > p->end)
			return EK_PARSED_FOREIGN;
		icmp = ek_at(ctx, p->l4, sizeof(*icmp));
		if (!icmp)
			return EK_PARSED_SHORT;
		if (ek_icmp_is_error(p->tuple.proto, icmp->type) && p->fragment == EK_WHOLE)
			p->kind = EK_KIND_ICMP_ERROR;
	}
	return EK_PARSED;
}

/* A subprogram of its own, so that a second try after a pull costs no second copy of it. */
static __noinline int ek_parse(ek_ctx *ctx, struct ek_packet *p)
{
	struct ethhdr *eth = ek_at(ctx, 0, sizeof(*eth));
	struct ek_ip ip = {};
	__u32 at = sizeof(*eth);
	__be16 ethertype;
	int parsed;

	if (!eth)
		return EK_PARSED_SHORT;
	ethertype = eth->h_proto;
	for (int i = 0; i < EK_VLAN_DEPTH; i++) {
		struct ek_vlan *vlan;

		if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
			break;
		vlan = ek_at(ctx, at, sizeof(*vlan));
		if (!vlan)
			return EK_PARSED_SHORT;
		ethertype = vlan->proto;
		at += sizeof(*vlan);
	}
	parsed = ek_parse_ip(ctx, ethertype, at, &ip);
	if (parsed != EK_PARSED)
		return parsed;
	if (ip.end == ~0u)
		ip.end = ek_length(ctx);
	if (ip.end > ek_length(ctx) || ip.l4 > ip.end)
		return EK_PARSED_FOREIGN;
	p->tuple.saddr = ip.saddr;
	p->tuple.daddr = ip.daddr;
	p->tuple.proto = ip.proto;
	p->family = ip.family;
	p->fragment = ip.fragment;
	p->fragment_id = ip.fragment_id;
	p->l3 = ip.l3;
	p->l4 = ip.l4;
	p->end = ip.end;
	return ek_parse_transport(ctx, p);
}

/* TCP or UDP right behind an IP header, which has said where the packet ends. */
EK_ALWAYS_INLINE bool ek_plain_transport(ek_ctx *ctx, struct ek_packet *p, void *l4, __u8 proto)
{
	struct tcphdr *tcp = l4;
	struct udphdr *udp = l4;
	void *behind = proto == IPPROTO_TCP ? (void *)(tcp + 1) : (void *)(udp + 1);
	__u32 size = proto == IPPROTO_TCP ? sizeof(*tcp) : sizeof(*udp);

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return false;
	if (behind > ek_data_end(ctx) || p->end < p->l4 + size || p->end > ek_length(ctx))
		return false;
	p->tuple.sport = udp->source;
	p->tuple.dport = udp->dest;
	p->tuple.proto = proto;
	p->tuple.zero = 0;
	p->l3 = sizeof(struct ethhdr);
	p->fragment = EK_WHOLE;
	p->kind = EK_KIND_PORTS;
	p->tcp_flags = proto == IPPROTO_TCP ? ((__u8 *)tcp)[13] : 0;
	return true;
}

/*
 * Nearly all packets: TCP or UDP, whole, right behind a plain IP header. As ek_parse(), in a
 * quarter of the time; false for all others, and when headers are not in the linear part.
 */
EK_ALWAYS_INLINE bool ek_parse_plain(ek_ctx *ctx, struct ek_packet *p)
{
	struct ipv6hdr *six;
	struct iphdr *four;
	struct ethhdr *eth;

	/* Else the compiler would keep the address of a field for later, which verifiers refuse. */
	asm volatile("" : "+r"(ctx));
	eth = ek_data(ctx);
	four = (void *)(eth + 1);
	six = (void *)(eth + 1);
	if ((void *)(four + 1) > ek_data_end(ctx))
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP) && *(__u8 *)four == 0x45) {
		if (four->frag_off & bpf_htons(EK_IP_MF | EK_IP_OFFSET))
			return false;
		p->family = EK_IPV4;
		p->fragment_id = four->id;
		p->l4 = sizeof(*eth) + sizeof(*four);
		p->end = sizeof(*eth) + bpf_ntohs(four->tot_len);
		ek_addr_set_ipv4(&p->tuple.saddr, four->saddr);
		ek_addr_set_ipv4(&p->tuple.daddr, four->daddr);
		return ek_plain_transport(ctx, p, four + 1, four->protocol);
	}
	if (eth->h_proto != bpf_htons(ETH_P_IPV6) || (void *)(six + 1) > ek_data_end(ctx) ||
	    six->version != 6)
		return false;
	p->family = EK_IPV6;
	p->fragment_id = 0;
	p->l4 = sizeof(*eth) + sizeof(*six);
	p->end = sizeof(*eth) + sizeof(*six) + bpf_ntohs(six->payload_len);
	__builtin_memcpy(&p->tuple.saddr, &six->saddr, sizeof(p->tuple.saddr));
	__builtin_memcpy(&p->tuple.daddr, &six->daddr, sizeof(p->tuple.daddr));
	return ek_plain_transport(ctx, p, six + 1, six->nexthdr);
}

/* As far as headers may reach when they have to be pulled into the linear part. */
#define EK_PULL 256

/* True when the packet is IP and well formed. */
EK_ALWAYS_INLINE bool ek_packet_read(ek_ctx *ctx, struct ek_packet *p)
{
	int parsed;

	if (ek_parse_plain(ctx, p))
		return true;
	p->kind = EK_KIND_OTHER;
	p->tcp_flags = 0;
	p->tuple.sport = 0;
	p->tuple.dport = 0;
	p->tuple.zero = 0;
	parsed = ek_parse(ctx, p);
	if (parsed == EK_PARSED_SHORT) {
		__u32 length = ek_length(ctx);

		if (ek_pull(ctx, length < EK_PULL ? length : EK_PULL))
			return false;
		parsed = ek_parse(ctx, p);
	}
	return parsed == EK_PARSED;
}

#endif
