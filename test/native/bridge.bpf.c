/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps and programs of every kind that the bridge handles, for its tests. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct value {
	__u32 number;
	__u8 text[7]; /* 11 bytes would be padded: 12 */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct value);
} plain SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
} mapped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} runs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

const volatile __u32 bonus = 1;

static void count_run(void)
{
	__u32 key = 0;
	__u32 *count = bpf_map_lookup_elem(&runs, &key);

	if (count)
		*count += 1;
}

/* What the agent wrote through mmap, and a constant. */
SEC("tc")
int read_mapped(struct __sk_buff *skb)
{
	__u32 key = 5;
	__u32 *number = bpf_map_lookup_elem(&mapped, &key);

	return number ? *number + bonus : 0;
}

SEC("tc")
int count_and_pass(struct __sk_buff *skb)
{
	count_run();
	return TC_ACT_UNSPEC;
}

SEC("tc")
int count_and_drop(struct __sk_buff *skb)
{
	count_run();
	return TC_ACT_SHOT;
}

/* Gives the first byte of the packet, and turns it into 0xee. */
SEC("tc")
int mark_packet(struct __sk_buff *skb)
{
	__u8 first = 0, mark = 0xee;

	bpf_skb_load_bytes(skb, 0, &first, sizeof(first));
	bpf_skb_store_bytes(skb, 0, &mark, sizeof(mark), 0);
	skb->mark += 1;
	return first;
}

/* One record of the packet's length, less 14, in 8 bytes. */
SEC("tc")
int send_record(struct __sk_buff *skb)
{
	__u64 record = skb->len;

	return bpf_ringbuf_output(&ring, &record, sizeof(record), 0) ? 1 : 0;
}

SEC("xdp")
int xdp_count(struct xdp_md *xdp)
{
	count_run();
	return XDP_PASS;
}

SEC("cgroup/connect4")
int refuse_connect(struct bpf_sock_addr *address)
{
	count_run();
	return 0;
}

char _license[] SEC("license") = "GPL";
