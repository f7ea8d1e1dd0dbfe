// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * XDP at an uplink: what goes on to another node is sent on before the stack has
 * seen it. Whatever is not that simple is passed on as it came, and the programs at
 * tc do what there is to do or to say: only they drop, answer, and deliver here.
 */
#include "hook_xdp.h"
#include "flow.h"
#include "lookup.h"
#include "open.h"
#include "outside.h"
#include "way.h"

/* Flags of flows and frontends that this program understands; with any other they are tc's. */
#define EK_XDP_FLOW                                                                                \
	(EK_FLOW_REPLY | EK_FLOW_FIN_FORWARD | EK_FLOW_FIN_REPLY | EK_FLOW_FORWARD |               \
	 EK_FLOW_ANSWERED | EK_FLOW_ASSURED)
#define EK_XDP_FRONTEND (EK_FRONTEND_DROP | EK_FRONTEND_RANGES)

/* A whole packet with ports, without VLAN tags, IPv4 options or IPv6 extensions. */
EK_ALWAYS_INLINE bool ek_is_plain(const struct ek_packet *p)
{
	__u32 header = p->family == EK_IPV4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	return p->kind == EK_KIND_PORTS && p->fragment == EK_WHOLE &&
	       p->l3 == sizeof(struct ethhdr) && p->l4 == p->l3 + header;
}

/* A device hears more than its own when it is promiscuous. */
EK_ALWAYS_INLINE bool ek_is_to(ek_ctx *ctx, const __u8 *mac)
{
	struct ethhdr *eth = ek_at(ctx, 0, sizeof(*eth));
	const __u16 *want = (const __u16 *)mac, *have;

	if (!eth)
		return false;
	have = (const __u16 *)eth->h_dest;
	return have[0] == want[0] && have[1] == want[1] && have[2] == want[2];
}

/*
 * True for one packet of each CPU in every tick: it takes the stack's way. The
 * kernel believes a neighbour's old MAC for ever unless its own output asks again,
 * and bpf_fib_lookup() does not.
 */
EK_ALWAYS_INLINE bool ek_confirms_neighbour(void)
{
	struct scratch_memory *memory = ek_scratch();
	__u16 tick = ek_tick();

	if (!memory || memory->confirmed == tick)
		return false;
	memory->confirmed = tick;
	return true;
}

/* Another uplink takes frames that are in one piece, from a device of the same mode. */
EK_ALWAYS_INLINE bool ek_may_cross(ek_ctx *ctx, __u32 to)
{
	__u32 from = ek_ifindex(ctx);
	struct ek_uplink *here = bpf_map_lookup_elem(&ek_uplinks, &from);
	struct ek_uplink *there = bpf_map_lookup_elem(&ek_uplinks, &to);

	if (!here || !there || here->xdp != there->xdp)
		return false;
	if (here->xdp != EK_XDP_NATIVE && here->xdp != EK_XDP_GENERIC)
		return false;
	return ek_is_to(ctx, here->mac) && ek_length(ctx) == ctx->data_end - ctx->data;
}

/* XDP_TX or XDP_REDIRECT when the packet may leave that way at once; else XDP_PASS. */
EK_ALWAYS_INLINE int ek_action(ek_ctx *ctx, const struct ek_packet *p, const struct way *way)
{
	if (!way || ek_hops_left(ctx, p) <= 1 || ek_confirms_neighbour())
		return XDP_PASS;
	if (way->to == ek_ifindex(ctx))
		return ek_is_to(ctx, way->smac) ? XDP_TX : XDP_PASS;
	return ek_may_cross(ctx, way->to) ? XDP_REDIRECT : XDP_PASS;
}

EK_ALWAYS_INLINE int ek_write_macs(ek_ctx *ctx, const struct way *way)
{
	struct ethhdr *eth = ek_at(ctx, 0, sizeof(*eth));

	if (!eth)
		return -1;
	__builtin_memcpy(eth->h_dest, way->dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, way->smac, ETH_ALEN);
	return 0;
}

/* Writes and sends; `action` is ek_action()'s. */
EK_ALWAYS_INLINE int ek_send(ek_ctx *ctx, struct ek_packet *p, const struct ek_endpoints *to,
			     __u32 service, const struct way *way, int action)
{
	ek_count_packet(service, ek_length(ctx) - p->l3);
	if (ek_rewrite(ctx, p, to) || ek_take_hop(ctx, p) || ek_write_macs(ctx, way)) {
		ek_report_rejected(&p->tuple, service, EK_REASON_REWRITE_FAILED, EK_EVENT_DROP);
		return XDP_DROP;
	}
	return action == XDP_TX ? XDP_TX : bpf_redirect(way->to, 0);
}

/* SCTP's ports are under a CRC32c of the whole packet. */
EK_ALWAYS_INLINE bool ek_is_for_xdp(const struct ek_packet *p, const struct ek_flow *flow)
{
	if (!(flow->flags & EK_FLOW_FORWARD) || flow->flags & ~EK_XDP_FLOW)
		return false;
	return p->tuple.proto != IPPROTO_SCTP ||
	       (flow->sport == p->tuple.sport && flow->dport == p->tuple.dport);
}

EK_ALWAYS_INLINE int ek_follow(ek_ctx *ctx, struct ek_packet *p, struct ek_flow *flow, bool known)
{
	__u32 service = flow->service;
	struct ek_endpoints to;
	struct way *way;
	int action;

	if (!ek_is_for_xdp(p, flow))
		return XDP_PASS;
	ek_flow_endpoints(flow, &to);
	way = ek_way_of(ctx, p, &to);
	action = ek_action(ctx, p, way);
	if (!way || action == XDP_PASS)
		return XDP_PASS;
	if (known)
		ek_flow_touch(p, flow);
	return ek_send(ctx, p, &to, service, way, action);
}

EK_ALWAYS_INLINE bool ek_is_ours(ek_ctx *ctx)
{
	__u32 ifindex = ek_ifindex(ctx);
	struct ek_uplink *uplink = bpf_map_lookup_elem(&ek_uplinks, &ifindex);

	return uplink && ek_is_to(ctx, uplink->mac);
}

/*
 * Notes a new flow to a backend of another node. tc chooses the same backend again
 * where this is passed on: by the same hash, or by the affinity that was noted here.
 */
EK_ALWAYS_INLINE int ek_begin(ek_ctx *ctx, struct ek_packet *p, const struct ek_flow *before)
{
	struct ek_frontend *frontend = ek_lookup_frontend(&p->tuple, p->family, EK_SCOPE_EXTERNAL);
	struct ek_flow *flow = ek_flow_of();
	struct ek_choice choice = {};

	if (!flow || !frontend || !frontend->size || frontend->flags & ~EK_XDP_FRONTEND)
		return XDP_PASS;
	if (ek_is_foreign(p) || !ek_is_welcome(p, frontend) || !ek_is_ours(ctx))
		return XDP_PASS;
	if (ek_open_choose(p, frontend, ek_now(), flow, &choice))
		return XDP_PASS;
	ek_choose_source(ctx, p, &choice, flow);
	if (!ek_is_for_xdp(p, flow))
		return XDP_PASS;
	if (before)
		ek_flow_forget(&p->tuple, before);
	if (ek_open_store(ctx, p, flow, &choice))
		return XDP_PASS;
	return ek_follow(ctx, p, flow, false);
}

EK_ALWAYS_INLINE int ek_from_outside(ek_ctx *ctx)
{
	struct ek_packet *p = ek_packet_of(EK_DIR_ENTER);
	struct ek_flow *flow;

	if (!p || !ek_packet_read(ctx, p) || !ek_is_plain(p) || !ek_may_be_ours(&p->tuple.daddr))
		return XDP_PASS;
	flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);
	return flow && ek_flow_serves(p, flow) ? ek_follow(ctx, p, flow, true)
					       : ek_begin(ctx, p, flow);
}

/* Kernel 5.18: frames of more than one piece come here, too. */
SEC("xdp.frags")
int xdp_uplink(struct xdp_md *ctx)
{
	return ek_from_outside(ctx);
}

/* For older kernels, where devices whose frames may be in pieces refuse it, and for generic mode.
 */
SEC("xdp")
int xdp_uplink_linear(struct xdp_md *ctx)
{
	return ek_from_outside(ctx);
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
