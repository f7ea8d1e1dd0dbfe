// SPDX-License-Identifier: Apache-2.0
/*
 * Reads "KIND ADDRESS PORT COUNT" lines and answers each with "P50 P99" in nanoseconds.
 * KIND: stream (requests over one connection), connect (a connection each), open (the
 * same, timed until it is open), datagram (a connected UDP socket), sendto (one that
 * is not).
 */
#include <time.h>
#include "echo.h"

#define MAX_COUNT 100000

static long times[MAX_COUNT];

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000l + t.tv_nsec;
}

static int dial(int type, const struct sockaddr_in *to)
{
	/* A datagram that gets lost must not stop the run. */
	struct timeval limit = {.tv_sec = 2};
	int fd = socket(AF_INET, type, 0);

	ek_check(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (to)
		ek_check(!connect(fd, (const struct sockaddr *)to, sizeof(*to)), "connect");
	return fd;
}

static void ask(int fd, char how)
{
	char bytes[EK_SIZE] = {how};

	ek_check(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes), "send");
	ek_check(recv(fd, bytes, sizeof(bytes), MSG_WAITALL) == sizeof(bytes), "recv");
}

static void ask_by_name(int fd, const struct sockaddr_in *to)
{
	char bytes[EK_SIZE] = {EK_KEEP};
	struct sockaddr_in from;
	socklen_t size = sizeof(from);

	ek_check(sendto(fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)to, sizeof(*to)) > 0,
		 "sendto");
	ek_check(recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size) > 0,
		 "recvfrom");
	ek_check(from.sin_addr.s_addr == to->sin_addr.s_addr, "the answer's source");
}

/*
 * The server closes first: TIME_WAIT stays with it, and no port of ours runs short.
 * Returns when it was open.
 */
static long ask_once(const struct sockaddr_in *to)
{
	int fd = dial(SOCK_STREAM, to);
	long opened = now();
	char end;

	ek_no_delay(fd);
	ask(fd, EK_CLOSE);
	ek_check(recv(fd, &end, 1, 0) == 0, "end of connection");
	close(fd);
	return opened;
}

static void run(const char *kind, const struct sockaddr_in *to, int count)
{
	int fd = -1;

	if (!strcmp(kind, "stream") || !strcmp(kind, "datagram"))
		fd = dial(kind[0] == 's' ? SOCK_STREAM : SOCK_DGRAM, to);
	if (!strcmp(kind, "stream"))
		ek_no_delay(fd);
	if (!strcmp(kind, "sendto"))
		fd = dial(SOCK_DGRAM, NULL);
	for (int i = 0; i < count; i++) {
		long start = now(), opened = 0;

		if (!strcmp(kind, "connect"))
			ask_once(to);
		else if (!strcmp(kind, "open"))
			opened = ask_once(to);
		else if (!strcmp(kind, "sendto"))
			ask_by_name(fd, to);
		else
			ask(fd, EK_KEEP);
		times[i] = (opened ? opened : now()) - start;
	}
	if (fd >= 0)
		close(fd);
}

static int by_length(const void *a, const void *b)
{
	long difference = *(const long *)a - *(const long *)b;

	return (difference > 0) - (difference < 0);
}

int main(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	char kind[16], address[64];
	int port, count;

	ek_stay();
	while (scanf("%15s %63s %d %d", kind, address, &port, &count) == 4) {
		to.sin_port = htons(port);
		if (count < 1 || count > MAX_COUNT ||
		    inet_pton(AF_INET, address, &to.sin_addr) != 1)
			return 2;
		run(kind, &to, count);
		qsort(times, count, sizeof(times[0]), by_length);
		printf("%ld %ld\n", times[count / 2], times[(long)count * 99 / 100]);
		fflush(stdout);
	}
	return 0;
}
