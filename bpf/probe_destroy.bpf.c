// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Loads where the kernel has bpf_sock_destroy. Apart from probe.bpf.c, because
 * libbpf refuses a whole object over one function of the kernel.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sock_common {
	__be32 skc_daddr;
} __attribute__((preserve_access_index));

struct udp_sock;

struct bpf_iter__udp {
	struct udp_sock *udp_sk;
} __attribute__((preserve_access_index));

extern int bpf_sock_destroy(struct sock_common *sock) __ksym;

SEC("iter/udp")
int probe_destroy(struct bpf_iter__udp *ctx)
{
	struct sock_common *sock = (struct sock_common *)ctx->udp_sk;

	if (sock)
		bpf_sock_destroy(sock);
	return 0;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
