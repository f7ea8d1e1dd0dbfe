/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers of ring buffer maps (Linux 5.8). */
#include <errno.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "argument.h"
#include "descriptor.h"
#include "map.h"
#include "module.h"
#include "result.h"

struct ring {
	struct ring_buffer *consumer; /* NULL once closed */
	/* While records are read: */
	napi_env env;
	napi_value records;
	uint32_t count;
	uint32_t max;
};

static const napi_type_tag ring_tag = {0x3c7be0f1d26a4985, 0x8f51c2d7439b6ae0};

static bool argument_ring(const struct call *call, struct ring **ring)
{
	void *pointer;

	if (!argument_handle(call, call->arguments[0], "ring", &ring_tag, &pointer))
		return false;
	*ring = pointer;
	return (*ring)->consumer ? true : call_throw_type(call, "ring is closed");
}

/* A negative number stops libbpf after this record. */
static int ring_record(void *context, void *data, size_t size)
{
	struct ring *ring = context;

	napi_set_element(ring->env, ring->records, ring->count++,
			 result_bytes(ring->env, data, size));
	return ring->count < ring->max ? 0 : -ECANCELED;
}

static void ring_finalize(napi_env env, void *data, void *hint)
{
	struct ring *ring = data;

	(void)env;
	(void)hint;
	ring_buffer__free(ring->consumer);
	free(ring);
}

static napi_value ring_open(napi_env env, napi_callback_info info)
{
	struct call call;
	struct ring *ring;
	int fd;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "mapFd", &fd))
		return NULL;
	if (descriptor_kind(fd) != DESCRIPTOR_MAP)
		return result_number(env, -EINVAL);
	ring = calloc(1, sizeof(*ring));
	if (!ring)
		return result_number(env, -ENOMEM);
	ring->consumer = ring_buffer__new(fd, ring_record, ring, NULL);
	if (!ring->consumer) {
		free(ring);
		return result_number(env, -errno);
	}
	return result_handle(env, ring, &ring_tag, ring_finalize);
}

static napi_value ring_consume(napi_env env, napi_callback_info info)
{
	struct call call;
	struct ring *ring;
	int64_t max;

	if (!call_begin(&call, env, info) || !argument_ring(&call, &ring) ||
	    !argument_integer(&call, call.arguments[1], "max", 1, UINT32_MAX, &max))
		return NULL;
	ring->env = env;
	ring->records = NULL;
	ring->count = 0;
	ring->max = (uint32_t)max;
	napi_create_array(env, &ring->records);
	ring_buffer__consume(ring->consumer);
	return ring->records;
}

static napi_value ring_fd(napi_env env, napi_callback_info info)
{
	struct call call;
	struct ring *ring;

	if (!call_begin(&call, env, info) || !argument_ring(&call, &ring))
		return NULL;
	return result_number(env, ring_buffer__epoll_fd(ring->consumer));
}

static napi_value ring_close(napi_env env, napi_callback_info info)
{
	struct call call;
	struct ring *ring;
	void *pointer;

	if (!call_begin(&call, env, info) ||
	    !argument_handle(&call, call.arguments[0], "ring", &ring_tag, &pointer))
		return NULL;
	ring = pointer;
	ring_buffer__free(ring->consumer);
	ring->consumer = NULL;
	return NULL;
}

const struct function ring_functions[] = {
	{"ringOpen", ring_open},
	{"ringConsume", ring_consume},
	{"ringFd", ring_fd},
	{"ringClose", ring_close},
	{},
};
