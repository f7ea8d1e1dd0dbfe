// SPDX-License-Identifier: Apache-2.0
/*
 * flood ADDRESS PORT SECONDS: SYNs from forged sources, 198.18.0.0/15 (RFC 2544), as fast
 * as they go. Prints how many. For a namespace whose packets go nowhere else.
 */
#include <time.h>
#include <netinet/ip.h>
#include "echo.h"

#define BATCH	    64
#define MAX_SECONDS 60

struct syn {
	struct iphdr ip;
	struct tcphdr tcp;
};

static unsigned int sum_words(const void *bytes, int length)
{
	const unsigned short *word = bytes;
	unsigned int sum = 0;

	for (; length > 1; length -= 2)
		sum += *word++;
	return sum;
}

static unsigned short fold(unsigned int sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

static void forge(struct syn *syn, struct in_addr to, int port)
{
	*syn = (struct syn){
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 64,
		       .protocol = IPPROTO_TCP,
		       .tot_len = htons(sizeof(*syn)),
		       .saddr = htonl(0xc6120000 | (random() & 0x1ffff)),
		       .daddr = to.s_addr},
		.tcp = {.source = htons(1024 + random() % 64000),
			.dest = htons(port),
			.seq = random(),
			.doff = 5,
			.syn = 1,
			.window = htons(65535)},
	};
	/* The pseudo-header is the addresses, the protocol and the length. */
	syn->tcp.check = fold(sum_words(&syn->ip.saddr, 8) + htons(IPPROTO_TCP) +
			      htons(sizeof(syn->tcp)) + sum_words(&syn->tcp, sizeof(syn->tcp)));
}

int main(int argc, char **argv)
{
	static struct syn syns[BATCH];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	struct sockaddr_in to = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	long count = 0;
	time_t end;

	ek_check(argc == 4 && inet_aton(argv[1], &to.sin_addr) == 1, "flood ADDRESS PORT SECONDS");
	ek_check(fd >= 0, "socket");
	ek_check(atoi(argv[3]) <= MAX_SECONDS, "SECONDS");
	end = time(NULL) + atoi(argv[3]);
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){&syns[i], sizeof(syns[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &to,
						      .msg_namelen = sizeof(to),
						      .msg_iov = &parts[i],
						      .msg_iovlen = 1};
	}
	while (time(NULL) < end) {
		int sent;

		for (int i = 0; i < BATCH; i++)
			forge(&syns[i], to.sin_addr, atoi(argv[2]));
		sent = sendmmsg(fd, messages, BATCH, 0);
		if (sent > 0)
			count += sent;
	}
	printf("%ld\n", count);
	return 0;
}
