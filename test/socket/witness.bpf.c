// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Somebody else's program at connect(): counts, and keeps the address that it saw last. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct seen {
	__u32 count;
	__be32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

SEC("cgroup/connect4")
int witness(struct bpf_sock_addr *ctx)
{
	__u32 zero = 0;
	struct seen *last = bpf_map_lookup_elem(&seen, &zero);

	if (last) {
		last->count++;
		last->address = ctx->user_ip4;
	}
	return 1;
}

char ek_license[] SEC("license") = "Dual BSD/GPL";
