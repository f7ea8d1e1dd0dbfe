// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A program for every kernel, and one with a helper that none has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long (*bpf_of_the_future)(void) = (void *)4711;

SEC("cgroup/connect4")
int known(struct bpf_sock_addr *ctx)
{
	return 1;
}

SEC("cgroup/connect4")
int unknown(struct bpf_sock_addr *ctx)
{
	return bpf_of_the_future() != 0;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
