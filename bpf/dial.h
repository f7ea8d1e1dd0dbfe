/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a socket dials: from a frontend to a backend and, for what comes back, the other way. */
#ifndef EK_DIAL_H
#define EK_DIAL_H

#include "lookup.h"
#include "report.h"
#include "select.h"
#include "socket_maps.h"

/* What a hook answers. */
enum ek_verdict {
	EK_DENY = 0,
	EK_ALLOW = 1,
};

/* asm-generic/errno.h */
#define EK_EADDRINUSE	98
#define EK_ECONNREFUSED 111
#define EK_EHOSTUNREACH 113

/* An address that a socket gives to the kernel, or gets from it. */
struct ek_dial {
	struct ek_sock_key key;
	__u64 netns; /* cookie of the socket's network namespace: the client, for affinity */
	__u8 family; /* enum ek_family */
	__u8 proto;
};

/* bpf_set_retval: kernel 5.18. */
enum bpf_func_id___retval {
	BPF_FUNC_set_retval___retval = 187,
};

/*
 * Ends a call with an errno. Before 5.18 a program can only say EPERM, which people
 * take for a firewall's answer: there the address stays, and the packet path answers.
 */
EK_ALWAYS_INLINE int ek_deny(int error)
{
	if (!bpf_core_enum_value_exists(enum bpf_func_id___retval, BPF_FUNC_set_retval___retval))
		return EK_ALLOW;
	bpf_set_retval(-error);
	return EK_DENY;
}

EK_ALWAYS_INLINE bool ek_addr_is_loopback(const struct ek_addr *addr)
{
	if (ek_addr_is_ipv4(addr))
		return (addr->w[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !addr->w[0] && !addr->w[1] && !addr->w[2] && addr->w[3] == bpf_htonl(1);
}

/*
 * The tuple of a socket that has no source yet: its cookie, which no other socket
 * ever has, takes the source's place. It is what spreads connections over backends.
 */
EK_ALWAYS_INLINE void ek_dial_tuple(const struct ek_dial *dial, struct ek_tuple *tuple)
{
	__builtin_memset(tuple, 0, sizeof(*tuple));
	tuple->saddr.w[0] = dial->key.cookie >> 32;
	tuple->saddr.w[1] = (__u32)dial->key.cookie;
	tuple->daddr = dial->key.addr;
	tuple->dport = dial->key.port;
	tuple->proto = dial->proto;
	tuple->dir = EK_DIR_LEAVE;
}

EK_ALWAYS_INLINE void ek_dial_client(const struct ek_dial *dial, __u32 service,
				     struct ek_affinity_key *client)
{
	__builtin_memset(client, 0, sizeof(*client));
	client->client.w[0] = dial->netns >> 32;
	client->client.w[1] = (__u32)dial->netns;
	client->service = service;
	client->kind = dial->family == EK_IPV4 ? EK_CLIENT_NETNS4 : EK_CLIENT_NETNS6;
}

/* A pod's loopback is not the node's: nodePorts are not dialled there. */
EK_ALWAYS_INLINE bool ek_dial_is_foreign_loopback(const struct ek_dial *dial)
{
	return ek_addr_is_loopback(&dial->key.addr) && dial->netns != ek_settings.netns_cookie;
}

/*
 * getaddrinfo() sorts a name's addresses (RFC 6724) by connecting a UDP socket to
 * each, at the port of its caller or at none: whether there is a route decides, and
 * nothing is sent. A clusterIP whose TCP port is served must not look unreachable.
 */
EK_ALWAYS_INLINE bool ek_dial_is_address_test(const struct ek_dial *dial)
{
	struct ek_frontend_key tcp = {
		.addr = dial->key.addr,
		.port = dial->key.port,
		.proto = IPPROTO_TCP,
		.scope = EK_SCOPE_CLUSTER,
	};

	if (dial->proto != IPPROTO_UDP)
		return false;
	return !tcp.port || bpf_map_lookup_elem(&ek_frontends, &tcp);
}

/* Nobody serves: say so at once. Local without an endpoint here is not the Service's end: other
 * nodes have some. */
EK_ALWAYS_INLINE int ek_dial_nobody(const struct ek_tuple *tuple,
				    const struct ek_frontend *frontend)
{
	if (frontend->flags & EK_FRONTEND_ADDRESS) {
		ek_report_rejected(tuple, 0, EK_REASON_NO_SUCH_PORT, EK_EVENT_REFUSE);
		return ek_deny(EK_ECONNREFUSED);
	}
	if (frontend->flags & EK_FRONTEND_DROP) {
		ek_report_rejected(tuple, frontend->service, EK_REASON_NO_LOCAL_ENDPOINTS,
				   EK_EVENT_DROP);
		return ek_deny(EK_EHOSTUNREACH);
	}
	ek_report_rejected(tuple, frontend->service, EK_REASON_NO_ENDPOINTS, EK_EVENT_REFUSE);
	return ek_deny(EK_ECONNREFUSED);
}

/* Remembers for replies what the socket had dialled. */
EK_ALWAYS_INLINE void ek_dial_remember(const struct ek_dial *dial, const struct ek_sock *chosen)
{
	struct ek_sock_key key = {
		.cookie = dial->key.cookie, .addr = chosen->addr, .port = chosen->port};
	struct ek_sock orig = *chosen;

	orig.addr = dial->key.addr;
	orig.port = dial->key.port;
	ek_note_named(&key.addr, key.port);
	bpf_map_update_elem(&ek_sock_orig, &key, &orig, BPF_ANY);
}

/*
 * Chooses a backend for what is dialled. EK_ALLOW: `chosen` has it, or its port is 0
 * when this is no frontend; EK_DENY: the call is to fail.
 */
EK_ALWAYS_INLINE int ek_dial_choose(const struct ek_dial *dial, struct ek_sock *chosen)
{
	struct ek_choice choice = {};
	struct ek_affinity_key client;
	struct ek_frontend *frontend;
	struct ek_tuple tuple;

	if (ek_dial_is_foreign_loopback(dial))
		return EK_ALLOW;
	ek_dial_tuple(dial, &tuple);
	frontend = ek_lookup_frontend(&tuple, dial->family, EK_SCOPE_CLUSTER);
	if (!frontend)
		return EK_ALLOW;
	if (!frontend->size) {
		if (frontend->flags & EK_FRONTEND_ADDRESS && chosen->flags & EK_SOCK_CONNECTED &&
		    ek_dial_is_address_test(dial))
			return EK_ALLOW;
		return ek_dial_nobody(&tuple, frontend);
	}
	ek_dial_client(dial, frontend->service, &client);
	ek_select(frontend, ek_hash_tuple(&tuple), &client, ek_now(), &choice);
	if (!choice.backend) {
		ek_report_rejected(&tuple, frontend->service, EK_REASON_BACKEND_STALE,
				   EK_EVENT_DROP);
		return ek_deny(EK_EHOSTUNREACH);
	}
	chosen->addr = choice.backend->addr;
	chosen->port = choice.backend->port;
	chosen->service = frontend->service;
	chosen->backend = choice.id;
	chosen->generation = choice.backend->generation;
	ek_dial_remember(dial, chosen);
	ek_report_flow(&tuple, frontend->service, choice.backend);
	return EK_ALLOW;
}

EK_ALWAYS_INLINE bool ek_sock_backend_gone(const struct ek_sock *sock)
{
	__u32 id = sock->backend;
	struct ek_backend *backend = bpf_map_lookup_elem(&ek_backends, &id);

	return !backend || backend->generation != sock->generation ||
	       backend->state == EK_BACKEND_FREE;
}

/* Frontends may share a backend: its answers have the name of the one that was sent to last. */
EK_ALWAYS_INLINE void ek_dial_rename(const struct ek_dial *dial, const struct ek_sock *chosen)
{
	struct ek_sock_key key = {
		.cookie = dial->key.cookie, .addr = chosen->addr, .port = chosen->port};
	struct ek_sock *orig = bpf_map_lookup_elem(&ek_sock_orig, &key);

	if (!orig || orig->port != dial->key.port || !ek_addr_equal(&orig->addr, &dial->key.addr))
		ek_dial_remember(dial, chosen);
}

/* A datagram of a socket that is not connected: the choice stays as long as the backend is there.
 */
EK_ALWAYS_INLINE int ek_dial_datagram(const struct ek_dial *dial, struct ek_sock *chosen)
{
	struct ek_sock *known = bpf_map_lookup_elem(&ek_sock_choices, &dial->key);
	int verdict;

	if (known && !ek_sock_backend_gone(known)) {
		*chosen = *known;
		ek_dial_rename(dial, chosen);
		return EK_ALLOW;
	}
	verdict = ek_dial_choose(dial, chosen);
	if (chosen->port)
		bpf_map_update_elem(&ek_sock_choices, &dial->key, chosen, BPF_ANY);
	else if (known)
		bpf_map_delete_elem(&ek_sock_choices, &dial->key);
	return verdict;
}

#endif
