/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Clients outside: who may come, and what a backend sees as its client. */
#ifndef EK_OUTSIDE_H
#define EK_OUTSIDE_H

#include "select.h"
#include "source.h"

/* A backend on this node sees the client itself: its replies leave through here anyway. */
EK_ALWAYS_INLINE void ek_choose_source(ek_ctx *ctx, struct ek_packet *p,
				       const struct ek_choice *choice, struct ek_flow *flow)
{
	bool masqueraded = ek_is_masqueraded(p);

	if (masqueraded || !(choice->backend->flags & EK_BACKEND_LOCAL))
		ek_take_name(ctx, p, flow, masqueraded);
}

#endif
