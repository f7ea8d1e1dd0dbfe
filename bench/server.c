// SPDX-License-Identifier: Apache-2.0
/*
 * server PORT...: answers requests over TCP and UDP, and GETs of HTTP/1.1 over TCP, all in
 * one thread. Prints "ready".
 */
#include <sys/epoll.h>
#include "echo.h"

static int listen_at(int type, int port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
	int one = 1;

	ek_check(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ek_check(!bind(fd, (struct sockaddr *)&any, sizeof(any)), "bind");
	ek_check(type == SOCK_DGRAM || !listen(fd, 4096), "listen");
	return fd;
}

static void watch(int poll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	ek_check(!epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

/* Larger than what a client of HTTP asks with. */
#define REQUEST_SIZE 1024

/* Whether the connection stays. */
static int answer_http(int fd, const char *request, size_t length)
{
	static const char kept[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
	static const char last[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
				   "Connection: close\r\n\r\nok\n";
	static const char close_it[] = "Connection: close";

	if (memmem(request, length, close_it, sizeof(close_it) - 1)) {
		send(fd, last, sizeof(last) - 1, MSG_NOSIGNAL);
		return 0;
	}
	return send(fd, kept, sizeof(kept) - 1, MSG_NOSIGNAL) > 0;
}

static int answer_echo(int fd, const char *request, size_t length)
{
	return send(fd, request, length, MSG_NOSIGNAL) > 0 && request[0] != EK_CLOSE;
}

/* Requests are small: each comes in one piece. */
static void answer_stream(int fd)
{
	char request[REQUEST_SIZE];
	ssize_t length = recv(fd, request, sizeof(request), 0);
	int stays = 0;

	if (length < 0 && errno == EAGAIN)
		return;
	if (length > 4 && !memcmp(request, "GET ", 4))
		stays = answer_http(fd, request, length);
	else if (length > 0)
		stays = answer_echo(fd, request, length);
	if (!stays)
		close(fd);
}

static void answer_datagram(int fd)
{
	char request[EK_SIZE];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	ssize_t length = recvfrom(fd, request, sizeof(request), 0, (struct sockaddr *)&from, &size);

	if (length > 0)
		sendto(fd, request, length, 0, (struct sockaddr *)&from, size);
}

static void take(int poll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd < 0)
		return;
	ek_no_delay(fd);
	watch(poll, fd);
}

/* Descriptors of listeners come before those of connections; types are those of sockets. */
static void serve(int poll, int listeners, const int *types)
{
	struct epoll_event events[16];

	for (;;) {
		int count = epoll_wait(poll, events, 16, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd >= listeners)
				answer_stream(fd);
			else if (types[fd] == SOCK_STREAM)
				take(poll, fd);
			else
				answer_datagram(fd);
		}
	}
}

int main(int argc, char **argv)
{
	int types[64] = {0};
	int poll = epoll_create1(0);
	int last = 0;

	ek_stay();
	for (int i = 1; i < argc; i++) {
		for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
			last = listen_at(type, atoi(argv[i]));
			ek_check(last < 64, "ports");
			types[last] = type;
			watch(poll, last);
		}
	}
	printf("ready\n");
	fflush(stdout);
	serve(poll, last + 1, types);
}
