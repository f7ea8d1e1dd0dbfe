/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A packet at tc: a socket buffer. hook_xdp.h has the same functions for a packet without one. */
#ifndef EK_HOOK_H
#define EK_HOOK_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

typedef struct __sk_buff ek_ctx;

static __always_inline void *ek_data(ek_ctx *ctx)
{
	return (void *)(long)ctx->data;
}

static __always_inline void *ek_data_end(ek_ctx *ctx)
{
	return (void *)(long)ctx->data_end;
}

/* Bytes from the MAC header on, of all segments together. */
static __always_inline __u32 ek_length(ek_ctx *ctx)
{
	return ctx->len;
}

/* Payload of each of many segments in one; 0: the packet is one. */
static __always_inline __u32 ek_segment(ek_ctx *ctx)
{
	return ctx->gso_size;
}

static __always_inline __u32 ek_ifindex(ek_ctx *ctx)
{
	return ctx->ifindex;
}

/*
 * The upper byte of skb->tc_index tells egress that ingress has led this packet to where it goes,
 * so that there is nothing to undo. The lower one is left to others.
 */
#define EK_LED	    0xe700
#define EK_LED_MASK 0xff00

static __always_inline void ek_set_led(ek_ctx *ctx)
{
	/* Whole: the verifier takes no writes to a part of it. */
	volatile __u32 *index = &ctx->tc_index;

	*index = (*index & ~EK_LED_MASK) | EK_LED;
}

static __always_inline bool ek_is_led(ek_ctx *ctx)
{
	return (ctx->tc_index & EK_LED_MASK) == EK_LED;
}

/* Makes the first bytes readable. Zero or an errno. */
static __always_inline long ek_pull(ek_ctx *ctx, __u32 length)
{
	return bpf_skb_pull_data(ctx, length);
}

/* A device's own sum over the whole packet has to know of a change that no field makes up for. */
static __always_inline void ek_device_sum_add(ek_ctx *ctx, __u32 difference)
{
	bpf_csum_update(ctx, difference);
}

/* How the kernel stands to a packet's transport checksum (linux/skbuff.h). */
enum ek_summed {
	EK_SUMMED_IN_PACKET = 0, /* CHECKSUM_NONE: the field holds it all */
	EK_SUMMED_BY_DEVICE = 2, /* CHECKSUM_COMPLETE: skb->csum has to follow */
	EK_SUM_LEFT = 3, /* CHECKSUM_PARTIAL: the field holds the pseudo-header's sum only */
};

struct sk_buff___summed {
	__u8 ip_summed : 2;
} __attribute__((preserve_access_index));

/* Kernel 6.2. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

/* Without the function the answer is the one that only helpers can handle. */
static __always_inline __u32 ek_summed_of(ek_ctx *ctx)
{
	struct sk_buff___summed *kernel_skb;

	if (!bpf_cast_to_kern_ctx)
		return EK_SUMMED_BY_DEVICE;
	kernel_skb = bpf_cast_to_kern_ctx(ctx);
	return BPF_CORE_READ_BITFIELD(kernel_skb, ip_summed);
}

/* bpf_l4_csum_replace() of a difference. Zero or an errno. */
static __always_inline long ek_transport_sum_add(ek_ctx *ctx, __u32 offset, __u32 difference,
						 __u64 flags)
{
	return bpf_l4_csum_replace(ctx, offset, 0, difference, flags);
}

#endif
