/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A flow's first packet: to a backend, and noted. What becomes of the source address is for the
 * hook to say in between. */
#ifndef EK_OPEN_H
#define EK_OPEN_H

#include "opening.h"
#include "report.h"
#include "select.h"

/* Fills in a flow to a backend of the frontend's; the client keeps its address. Zero or an
 * ek_reason. */
EK_ALWAYS_INLINE int ek_open_choose(const struct ek_packet *p, const struct ek_frontend *frontend,
				    __u64 now, struct ek_flow *flow, struct ek_choice *choice)
{
	struct ek_affinity_key client = {.client = p->tuple.saddr, .service = frontend->service};

	__builtin_memset(flow, 0, sizeof(*flow));
	ek_select(frontend, ek_hash_tuple(&p->tuple), &client, now, choice);
	if (!choice->backend)
		return EK_REASON_BACKEND_STALE;
	flow->saddr = p->tuple.saddr;
	flow->daddr = choice->backend->addr;
	flow->sport = p->tuple.sport;
	flow->dport = choice->backend->port;
	flow->service = frontend->service;
	flow->backend = choice->id;
	flow->generation = choice->backend->generation;
	flow->seen = now;
	flow->state = ek_flow_first_state(p);
	return 0;
}

/* `ctx`: as for ek_flow_store_reply(). Zero or an ek_reason. */
EK_ALWAYS_INLINE int ek_open_store(ek_ctx *ctx, const struct ek_packet *p, struct ek_flow *flow,
				   const struct ek_choice *choice)
{
	int reason = ek_flow_store(ctx, p, flow);

	if (reason)
		return reason == EK_FLOW_AGAIN ? 0 : reason;
	ek_opening_enter(&p->tuple, flow);
	ek_report_flow(&p->tuple, flow->service, choice->backend);
	return 0;
}

#endif
