/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* CLOCK_MONOTONIC in nanoseconds, at the granularity of a tick where the kernel has it. */
#ifndef EK_CLOCK_H
#define EK_CLOCK_H

#include <bpf/bpf_core_read.h>
#include "packet.h"

#define EK_SECOND 1000000000ull

/* bpf_ktime_get_coarse_ns: kernel 5.11. It costs a few ns, the exact clock 31. */
enum bpf_func_id___coarse {
	BPF_FUNC_ktime_get_coarse_ns___coarse = 160,
};

EK_ALWAYS_INLINE __u64 ek_now(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___coarse,
				       BPF_FUNC_ktime_get_coarse_ns___coarse))
		return bpf_ktime_get_coarse_ns();
	return bpf_ktime_get_ns();
}

/*
 * Changes every 64 jiffies (64 ms at 1000 Hz, 640 ms at 100 Hz): a memory read, where
 * the clock is a call. Kernel 5.5.
 */
EK_ALWAYS_INLINE __u16 ek_tick(void)
{
	return bpf_jiffies64() >> 6;
}

#endif
