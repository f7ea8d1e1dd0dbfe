// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Iterators that destroy sockets whose backend is gone (kernel 6.5: bpf_sock_destroy).
 * A connected UDP socket would go on sending to a pod that is no more: destroyed, its
 * next call fails, and the client connects anew.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "maps.h"
#include "packet.h"
#include "socket_maps.h"

/* The kernel's own types, as far as we look into them. */
struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
	unsigned short skc_family;
	struct {
		__be32 words[4];
	} skc_v6_daddr;
} __attribute__((preserve_access_index));

struct udp_sock;

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
} __attribute__((preserve_access_index));

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
} __attribute__((preserve_access_index));

extern int bpf_sock_destroy(struct sock_common *sock) __ksym;

#define EK_AF_INET 2

/* True when this socket talks to a backend that it was given and that is no more. */
EK_ALWAYS_INLINE bool ek_sock_is_stale(struct sock_common *sock)
{
	struct ek_sock_key key = {.cookie = bpf_get_socket_cookie(sock), .port = sock->skc_dport};
	struct ek_backend *backend;
	struct ek_sock *orig;
	__u32 id;

	if (!key.port)
		return false;
	if (sock->skc_family == EK_AF_INET)
		ek_addr_set_ipv4(&key.addr, sock->skc_daddr);
	else
		__builtin_memcpy(&key.addr, &sock->skc_v6_daddr, sizeof(key.addr));
	orig = bpf_map_lookup_elem(&ek_sock_orig, &key);
	if (!orig)
		return false;
	id = orig->backend;
	backend = bpf_map_lookup_elem(&ek_backends, &id);
	return !backend || backend->generation != orig->generation ||
	       backend->state == EK_BACKEND_FREE;
}

SEC("iter/udp")
int destroy_udp(struct bpf_iter__udp *ctx)
{
	struct sock_common *sock = (struct sock_common *)ctx->udp_sk;

	if (sock && ek_sock_is_stale(sock))
		bpf_sock_destroy(sock);
	return 0;
}

SEC("iter/tcp")
int destroy_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *sock = ctx->sk_common;

	if (sock && ek_sock_is_stale(sock))
		bpf_sock_destroy(sock);
	return 0;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
