/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet at XDP: bytes as they came from the wire. The same functions as hook_tc.h. */
#ifndef EK_HOOK_H
#define EK_HOOK_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

typedef struct xdp_md ek_ctx;

static __always_inline void *ek_data(ek_ctx *ctx)
{
	return (void *)(long)ctx->data;
}

/* Of the linear part: large frames go on in others, which only tc reads. */
static __always_inline void *ek_data_end(ek_ctx *ctx)
{
	return (void *)(long)ctx->data_end;
}

/* bpf_xdp_get_buff_len: kernel 5.18. Before, every frame is linear. */
enum bpf_func_id___frags {
	BPF_FUNC_xdp_get_buff_len___frags = 188,
};

/* Bytes from the MAC header on. */
static __always_inline __u32 ek_length(ek_ctx *ctx)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id___frags, BPF_FUNC_xdp_get_buff_len___frags))
		return bpf_xdp_get_buff_len(ctx);
	return ctx->data_end - ctx->data;
}

static __always_inline __u32 ek_segment(ek_ctx *ctx)
{
	return 0;
}

static __always_inline __u32 ek_ifindex(ek_ctx *ctx)
{
	return ctx->ingress_ifindex;
}

static __always_inline long ek_pull(ek_ctx *ctx, __u32 length)
{
	return -1;
}

static __always_inline void ek_device_sum_add(ek_ctx *ctx, __u32 difference)
{
}

enum ek_summed {
	EK_SUMMED_IN_PACKET = 0,
	EK_SUMMED_BY_DEVICE = 2,
	EK_SUM_LEFT = 3,
};

/* Where a device may be left to finish sums, the agent attaches no program (agent/kernel/xdp.ts).
 */
static __always_inline __u32 ek_summed_of(ek_ctx *ctx)
{
	return EK_SUMMED_IN_PACKET;
}

/* Never reached: there is no sum but the packet's own. */
static __always_inline long ek_transport_sum_add(ek_ctx *ctx, __u32 offset, __u32 difference,
						 __u64 flags)
{
	return -1;
}

#endif
