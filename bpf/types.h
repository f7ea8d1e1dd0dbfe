/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every key and value that the kernel and the agent share. This is the only
 * place where a layout is written down: agent/kernel/layout.gen.ts is generated
 * from the BTF of these types, and generation fails on a hole in a key.
 *
 * Conventions: addresses and ports are in network byte order, everything else
 * in host order. Times are nanoseconds of CLOCK_MONOTONIC. Padding is explicit
 * and zero.
 */
#ifndef EK_TYPES_H
#define EK_TYPES_H

#include <linux/types.h>

/* Bumped when a pinned map changes its layout. Part of the pins' path: agents carry what they
 * find under another number over, by the names of fields. An enum, because BTF has no #defines. */
enum ek_layout {
	EK_LAYOUT_VERSION = 5,
};

/* An IPv6 address, or an IPv4 address mapped into ::ffff:0:0/96 (RFC 4291 2.5.5.2). Aligned: it is
 * copied in two pieces. */
struct ek_addr {
	__be32 w[4];
} __attribute__((aligned(8)));

enum ek_scope {
	EK_SCOPE_CLUSTER = 0,  /* the client is a pod or a node of the cluster */
	EK_SCOPE_EXTERNAL = 1, /* the client is outside */
};

/*
 * A frontend: what a client dials. nodePorts are stored once, with the zero
 * address, and matched through ek_node_addrs. Port 0 and protocol 0 name the
 * address itself: a clusterIP, which refuses every port that no Service has.
 */
struct ek_frontend_key {
	struct ek_addr addr;
	__be16 port;
	__u8 proto; /* IPPROTO_* */
	__u8 scope; /* enum ek_scope */
	__u32 zero;
};

enum ek_frontend_flag {
	EK_FRONTEND_DROP = 2,	 /* when the pool is empty: drop, else refuse */
	EK_FRONTEND_ADDRESS = 4, /* no Service port: refuse */
	EK_FRONTEND_RANGES = 8,	 /* only for clients in ek_ranges */
	EK_FRONTEND_DSR = 16,	 /* backends elsewhere answer the client directly */
};

/*
 * Where a frontend leads. A pool is a run of blocks of ek_tables that starts at
 * block `table`: first `backends` backend ids of 32 bits each, then `size`
 * Maglev slots, each an index into these ids: of 4 bits for up to 16 backends
 * (the low ones of a byte first), of 8 for up to 256, else of 16.
 */
struct ek_frontend {
	__u32 service;	/* id of the Service port, index into ek_counters */
	__u32 table;	/* first block */
	__u32 size;	/* slots, M; 0: the pool is empty */
	__u32 backends; /* ids at the start of the run */
	__u32 affinity; /* ClientIP time-out in seconds; 0: none */
	__u8 pool;	/* bit of ek_backend.pools that this frontend asks for */
	__u8 flags;	/* enum ek_frontend_flag */
	__u16 zero;
};

enum ek_backend_state {
	EK_BACKEND_FREE = 0,
	EK_BACKEND_ACTIVE = 1,	 /* may be in pools */
	EK_BACKEND_DRAINING = 2, /* no new flows, established ones go on */
};

enum ek_backend_flag {
	EK_BACKEND_LOCAL = 1, /* on this node */
};

/* A backend: one endpoint address and port of one Service port. */
struct ek_backend {
	struct ek_addr addr;
	__be16 port;
	__u8 state;	  /* enum ek_backend_state */
	__u8 pools;	  /* bit p: a member of pool p of its Service port */
	__u32 generation; /* changes whenever the id gets another meaning */
	__u32 service;	  /* id of the Service port */
	__u32 flags;	  /* enum ek_backend_flag */
};

/*
 * Parts of ek_addresses. First the agent's, a bit for the hashes of some addresses: clear when no
 * frontend, node or uplink has, or had, such an address. Behind them those of programs, of a byte
 * each: pods whose own connections have flows, then backends (with their ports) that sockets know
 * by other names.
 */
#define EK_ADDRESS_BITS	 22 /* of a hash */
#define EK_STRANGER_BITS 16
#define EK_NAMED_BITS	 18

/* A block of the arena that holds all pools, or of ek_addresses. */
#define EK_BLOCK_SIZE 64
struct ek_block {
	__u8 bytes[EK_BLOCK_SIZE];
};

enum ek_client_kind {
	EK_CLIENT_ADDR = 0,   /* client is an address */
	EK_CLIENT_NETNS4 = 1, /* client.w[0..1] is a network namespace cookie, for IPv4 */
	EK_CLIENT_NETNS6 = 2, /* the same, for IPv6 */
};

struct ek_affinity_key {
	struct ek_addr client;
	__u32 service;
	__u32 kind; /* enum ek_client_kind */
};

struct ek_affinity {
	__u32 backend;
	__u32 generation;
	__u64 used; /* when a new flow last used it */
};

enum ek_dir {
	EK_DIR_ENTER = 0, /* into this node's stack: tc ingress and XDP */
	EK_DIR_LEAVE = 1, /* out of this node's stack: tc egress */
};

/* A packet's tuple as it arrives at a hook. */
struct ek_tuple {
	struct ek_addr saddr;
	struct ek_addr daddr;
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 dir; /* enum ek_dir */
	__u16 zero;
};

enum ek_flow_state {
	EK_FLOW_OPENING = 1, /* TCP: no reply seen yet */
	EK_FLOW_ESTABLISHED = 2,
	EK_FLOW_HALF_CLOSED = 3, /* a FIN in one direction */
	EK_FLOW_CLOSING = 4,	 /* a FIN in both directions, or a RST */
	EK_FLOW_DATAGRAM = 5,	 /* UDP */
};

enum ek_flow_flag {
	EK_FLOW_REPLY = 1,   /* this entry translates replies */
	EK_FLOW_HAIRPIN = 2, /* goes back out of the device it came from */
	EK_FLOW_FIN_FORWARD = 4,
	EK_FLOW_FIN_REPLY = 8,
	EK_FLOW_FORWARD = 16,  /* goes on to another node, in this node's name */
	EK_FLOW_ANSWERED = 32, /* a reply was seen (or, of an EK_FLOW_DSR that is opening and whose
				  replies are not seen here: a second SYN) */
	EK_FLOW_ASSURED =
		64,	   /* and the client went on after it: it is there, and no forged source */
	EK_FLOW_DSR = 128, /* with EK_FLOW_FORWARD: replies pass this node by; else: another node
			      was dialled, which chose the backend (`backend` is 0) */
};

/*
 * What becomes of a packet with the tuple that is the key. Entries come in pairs:
 * the partner's key is this value's tuple turned round, in the other direction
 * (in the same one for a hairpin, and for what goes on to another node).
 */
struct ek_flow {
	struct ek_addr saddr;
	struct ek_addr daddr;
	__be16 sport;
	__be16 dport;
	__u32 service;
	__u32 backend;
	__u32 generation; /* of the backend, when the flow began */
	__u64 seen;	  /* last packet, at a granularity of a second */
	__u8 state;	  /* enum ek_flow_state */
	__u8 flags;	  /* enum ek_flow_flag */
	__u16 tick;	  /* ek_tick() when `seen` was last compared with the clock */
	__u8 zero[4];
};

/* The ports of a fragmented datagram, learned from its first fragment. */
struct ek_fragment_key {
	struct ek_addr saddr;
	struct ek_addr daddr;
	__be32 id;
	__u8 proto;
	__u8 dir;
	__u16 zero;
};

struct ek_fragment {
	__u64 seen;
	__be16 sport;
	__be16 dport;
	__u32 zero;
};

/* A socket and an address that it dialled, or that it really talks to. */
struct ek_sock_key {
	__u64 cookie; /* of the socket (bpf_get_socket_cookie), never used again */
	struct ek_addr addr;
	__be16 port;
	__u16 zero[3];
};

enum ek_sock_flag {
	EK_SOCK_CONNECTED = 1, /* the entry goes when the socket is closed */
};

/* What stands behind the address: for a backend what was dialled, for a frontend the backend. */
struct ek_sock {
	struct ek_addr addr;
	__be16 port;
	__u8 flags; /* enum ek_sock_flag */
	__u8 zero;
	__u32 service;
	__u32 backend;
	__u32 generation;
};

/* How XDP serves an uplink, or why it does not. */
enum ek_xdp {
	EK_XDP_OFF = 0,	    /* not asked for */
	EK_XDP_NATIVE = 1,  /* in the driver; takes frames from other uplinks that are native */
	EK_XDP_GENERIC = 2, /* without the driver's help; the same among such */
	EK_XDP_UNFIT = 3,   /* a kind of device that auto leaves alone */
	EK_XDP_TAKEN = 4,   /* somebody else's program is there */
	EK_XDP_REFUSED = 5, /* by the driver, with `error` */
};

/*
 * A device that leads to other nodes: what this node is called there. The zero
 * address: it has none in that family. Interface index 0 stands for all other devices.
 */
struct ek_uplink {
	struct ek_addr ipv4;
	struct ek_addr ipv6;
	__u8 mac[6];
	__u8 xdp;   /* enum ek_xdp */
	__u8 error; /* errno of EK_XDP_REFUSED */
};

/* loadBalancerSourceRanges: whom a Service port serves. Service 0: the addresses of pods, where
 * others are masqueraded. As LPM tries want it, the length comes first. */
struct ek_range {
	__u32 prefix; /* bits of what follows; the service is whole */
	__u32 service;
	struct ek_addr addr;
};

/* Name of a Service port as text, "namespace/name:port/PROTO", NUL-padded. */
#define EK_NAME_SIZE 208
struct ek_service {
	char name[EK_NAME_SIZE];
};

struct ek_service_counters {
	__u64 connections; /* flows opened */
	__u64 packets;	   /* translated, both directions */
	__u64 bytes;	   /* of these packets, from the network header on */
	__u64 rejected;	   /* refused or dropped */
};

/* What programs keep for each CPU. */
struct ek_cpu {
	__u64 second;  /* that `answers` is about */
	__u32 answers; /* of ICMP */
	__u32 zero;
};

/*
 * Of a CPU's ring in ek_opening. Counts go on for ever, through 2^32. A cache line of its own: only
 * the agent and that CPU write to it.
 */
struct ek_ring {
	__u32 opened;	  /* flows so far: the next slot, round and round */
	__u32 clear_from; /* from this many on slots have to be cleared: until then the agent knows
			      that there are few flows to be cleared */
	__u8 zero[56];
};

/* Why a packet went no further. Shared by programs, counters, events and commands. */
enum ek_reason {
	EK_REASON_NONE = 0,
	EK_REASON_NO_ENDPOINTS = 1,	  /* refused: the Service has no endpoint */
	EK_REASON_NO_LOCAL_ENDPOINTS = 2, /* dropped: policy Local and none on this node */
	EK_REASON_NO_SUCH_PORT = 3,	  /* refused: no Service has this port of a clusterIP */
	EK_REASON_FRAGMENT_UNKNOWN = 4,	  /* dropped: came before its first fragment */
	EK_REASON_FLOW_NOT_STORED = 5,	  /* dropped: no room for a flow */
	EK_REASON_PORTS_EXHAUSTED = 6,	  /* dropped: no source port left towards the backend */
	EK_REASON_BACKEND_STALE = 7,	  /* dropped: the table names a backend that is free */
	EK_REASON_REWRITE_FAILED = 8,	  /* dropped: the packet could not be changed */
	EK_REASON_REFUSE_FAILED = 9,	  /* dropped: the ICMP answer could not be built */
	EK_REASON_SCTP_FRAGMENT = 10,	  /* dropped: a fragment of SCTP whose ports would change */
	EK_REASON_NO_ROUTE = 11,	  /* dropped: no way to where the flow leads */
	EK_REASON_TOO_BIG = 12,		  /* answered: larger than the next link's MTU */
	EK_REASON_HOPS = 13,		  /* answered: as many routers as the sender allows */
	EK_REASON_SOURCE_RANGE = 14,   /* dropped: the client is outside loadBalancerSourceRanges */
	EK_REASON_ANSWERS_CAPPED = 15, /* dropped: an ICMP answer more than icmpPerSecond */
	EK_REASON_DSR_UNKNOWN = 16,    /* dropped: another node was dialled, at no Service's
					  address with DSR */
	EK_REASON_COUNT = 17,
};

enum ek_event_type {
	EK_EVENT_FLOW = 1, /* a flow opened (sampled) */
	EK_EVENT_REFUSE = 2,
	EK_EVENT_DROP = 3,
};

struct ek_event {
	__u64 time;
	struct ek_tuple tuple;
	struct ek_addr backend_addr;
	__be16 backend_port;
	__u8 type;   /* enum ek_event_type */
	__u8 reason; /* enum ek_reason */
	__u32 service;
};

/* Whose address is this node's for a backend, beside those whose replies would not come back. */
enum ek_masquerade {
	EK_MASQUERADE_NOBODY = 0,
	EK_MASQUERADE_ALL = 1,
	EK_MASQUERADE_STRANGERS = 2, /* whoever is not in ek_ranges under service 0 */
};

/* Settings that are constant while a program is loaded (its read-only data). */
struct ek_settings {
	__u64 netns_cookie; /* of the node's own network namespace */
	__u32 event_sample; /* one in so many new flows makes an event; 0: none */
	__u32 masquerade;   /* enum ek_masquerade */
	__u32 opening;	    /* slots of ek_opening for each CPU */
	__u32 rings;	    /* CPUs that have such slots */
	__u32 icmp;	    /* ICMP answers a second and CPU; 0: no limit */
	__u32 zero;
};

_Static_assert(sizeof(struct ek_frontend_key) == 24, "frontend key");
_Static_assert(sizeof(struct ek_frontend) == 24, "frontend");
_Static_assert(sizeof(struct ek_backend) == 32, "backend");
_Static_assert(sizeof(struct ek_affinity_key) == 24, "affinity key");
_Static_assert(sizeof(struct ek_tuple) == 40, "tuple");
_Static_assert(sizeof(struct ek_flow) == 64, "flow");
_Static_assert(sizeof(struct ek_sock_key) == 32, "socket key");
_Static_assert(sizeof(struct ek_sock) == 32, "socket");
_Static_assert(sizeof(struct ek_fragment_key) == 40, "fragment key");
_Static_assert(sizeof(struct ek_uplink) == 40, "uplink");
_Static_assert(sizeof(struct ek_cpu) == 16, "cpu");
_Static_assert(sizeof(struct ek_ring) == 64, "ring");
_Static_assert(sizeof(struct ek_range) == 24, "range");

#endif
