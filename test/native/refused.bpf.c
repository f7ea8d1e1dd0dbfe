/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A program that reads a packet without a look at its end: the verifier refuses it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int reads_past_the_end(struct xdp_md *xdp)
{
	__u8 *data = (void *)(long)xdp->data;

	return data[100];
}

char _license[] SEC("license") = "GPL";
