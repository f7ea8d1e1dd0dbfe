/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is told to the outside: counters per Service port and per reason, and events. */
#ifndef EK_REPORT_H
#define EK_REPORT_H

#include "settings.h"

EK_ALWAYS_INLINE struct ek_service_counters *ek_counters_of(__u32 service)
{
	return bpf_map_lookup_elem(&ek_counters, &service);
}

EK_ALWAYS_INLINE void ek_count_packet(__u32 service, __u32 bytes)
{
	struct ek_service_counters *counters = ek_counters_of(service);

	if (!counters)
		return;
	counters->packets++;
	counters->bytes += bytes;
}

EK_ALWAYS_INLINE void ek_count_connection(__u32 service)
{
	struct ek_service_counters *counters = ek_counters_of(service);

	if (counters)
		counters->connections++;
}

/* Events don't wake the agent, which polls: a flood must not become a flood of wake-ups. */
EK_ALWAYS_INLINE void ek_event_send(__u8 type, __u8 reason, const struct ek_tuple *tuple,
				    __u32 service, const struct ek_backend *backend)
{
	struct ek_event *event = bpf_ringbuf_reserve(&ek_events, sizeof(*event), 0);

	if (!event)
		return;
	event->time = bpf_ktime_get_ns();
	event->tuple = *tuple;
	event->type = type;
	event->reason = reason;
	event->service = service;
	if (backend) {
		event->backend_addr = backend->addr;
		event->backend_port = backend->port;
	} else {
		__builtin_memset(&event->backend_addr, 0, sizeof(event->backend_addr));
		event->backend_port = 0;
	}
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

EK_ALWAYS_INLINE void ek_report_flow(const struct ek_tuple *tuple, __u32 service,
				     const struct ek_backend *backend)
{
	__u32 sample = ek_settings.event_sample;

	ek_count_connection(service);
	if (sample && bpf_get_prandom_u32() % sample == 0)
		ek_event_send(EK_EVENT_FLOW, EK_REASON_NONE, tuple, service, backend);
}

/* A subprogram: it is called from many places, none of them on the fast path. */
static __noinline int ek_report_rejected(const struct ek_tuple *tuple, __u32 service, __u32 reason,
					 __u32 type)
{
	struct ek_service_counters *counters = ek_counters_of(service);
	__u64 *count = bpf_map_lookup_elem(&ek_reasons, &reason);

	if (count)
		(*count)++;
	if (counters && service)
		counters->rejected++;
	ek_event_send(type, reason, tuple, service, NULL);
	return 0;
}

#endif
