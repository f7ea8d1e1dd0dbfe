/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ends of a packet's way through a program at tc that is not forwarded: passed by, dropped,
 * answered. */
#ifndef EK_VERDICT_H
#define EK_VERDICT_H

#include <linux/pkt_cls.h>
#include "refuse.h"
#include "report.h"
#include "reset.h"

/* Leaves the packet to whoever comes next on the device, and then to the stack. */
#define EK_PASS TC_ACT_UNSPEC

EK_ALWAYS_INLINE int ek_drop(struct ek_packet *p, __u32 service, __u32 reason)
{
	ek_report_rejected(&p->tuple, service, reason, EK_EVENT_DROP);
	return TC_ACT_SHOT;
}

EK_ALWAYS_INLINE int ek_refuse_or_drop(struct __sk_buff *skb, struct ek_packet *p, __u32 service,
				       __u32 reason)
{
	int reset = ek_reset(skb, p);
	int failed = reset == -2 ? EK_REASON_REFUSE_FAILED : 0;

	if (reset == -1)
		failed = ek_refuse(skb, p, EK_SAY_PORT);
	if (failed)
		return ek_drop(p, service, failed);
	ek_report_rejected(&p->tuple, service, reason, EK_EVENT_REFUSE);
	return bpf_redirect(skb->ifindex, 0);
}

/* Nobody serves this packet: tell its sender, or be silent so that another node is tried. */
EK_ALWAYS_INLINE int ek_nobody(struct __sk_buff *skb, struct ek_packet *p,
			       const struct ek_frontend *frontend)
{
	if (frontend->flags & EK_FRONTEND_ADDRESS)
		return ek_refuse_or_drop(skb, p, 0, EK_REASON_NO_SUCH_PORT);
	if (frontend->flags & EK_FRONTEND_DROP)
		return ek_drop(p, frontend->service, EK_REASON_NO_LOCAL_ENDPOINTS);
	return ek_refuse_or_drop(skb, p, frontend->service, EK_REASON_NO_ENDPOINTS);
}

#endif
