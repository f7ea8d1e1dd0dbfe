/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the socket path remembers of sockets. */
#ifndef EK_SOCKET_MAPS_H
#define EK_SOCKET_MAPS_H

#include "maps.h"

/* By the backend that a socket talks to: what it had dialled. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ek_sock_key);
	__type(value, struct ek_sock);
} ek_sock_orig SEC(".maps");

/* By the frontend that an unconnected UDP socket sends to: the backend that it was given. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct ek_sock_key);
	__type(value, struct ek_sock);
} ek_sock_choices SEC(".maps");

#endif
