// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * One program for each thing that not every kernel has: where it does not load,
 * the kernel lacks it. Loaded by agent/kernel/features.ts, never attached.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int probe_set_retval(struct bpf_sock_addr *ctx)
{
	bpf_set_retval(-1);
	return 0;
}

SEC("cgroup/getpeername4")
int probe_peername(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/sock_release")
int probe_release(struct bpf_sock *ctx)
{
	return 1;
}

SEC("cgroup/connect4")
int probe_clock(struct bpf_sock_addr *ctx)
{
	return bpf_ktime_get_coarse_ns() != 0;
}

/* Any program will do: what counts is whether it could be attached. */
SEC("tc")
int probe_tcx(struct __sk_buff *skb)
{
	return -1;
}

SEC("xdp")
int probe_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* Also what the lab puts at the far ends of uplinks (lab/far-end.ts). */
SEC("xdp.frags")
int probe_xdp_frags(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
