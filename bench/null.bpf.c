/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What running any program costs: the zero of the measurements. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int null(struct __sk_buff *skb)
{
	return -1;
}

SEC("xdp")
int null_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}
