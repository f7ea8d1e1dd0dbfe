/* SPDX-License-Identifier: Apache-2.0 */
/* Many elements of a map in one call (Linux 5.6; array maps 5.8; per-CPU arrays 5.13). */
#include <errno.h>

#include <bpf/bpf.h>

#include "map.h"
#include "module.h"
#include "result.h"

static napi_value batch_result(napi_env env, int error, uint32_t count)
{
	napi_value result = result_object(env);

	result_set_number(env, result, "errno", error);
	result_set_number(env, result, "count", count);
	return result;
}

/*
 * The kernel tells how far it came, but when it refuses the call as a whole it
 * leaves the count as it was. A look-up that ends with -ENOENT may well have
 * filled all the room.
 */
static napi_value batch_done(napi_env env, int error, uint32_t asked, uint32_t count)
{
	if (error && error != -ENOENT && count == asked)
		count = 0;
	return batch_result(env, error, count);
}

static bool batch_check_size(const struct call *call, const char *name, const struct bytes *bytes,
			     uint64_t size, uint32_t count)
{
	uint64_t needed;

	if (!__builtin_mul_overflow(size, count, &needed) && bytes->size >= needed)
		return true;
	return call_throw_range(call, "%s has %zu bytes, %u elements of the map need %llu each",
				name, bytes->size, count, (unsigned long long)size);
}

/* Hash maps keep a position of 4 bytes, the others a key. */
static bool batch_check_position(const struct call *call, const char *name,
				 const struct bytes *position, const struct map_shape *shape)
{
	uint64_t size = shape->key_size > 4 ? shape->key_size : 4;

	if (position->size >= size)
		return true;
	return call_throw_range(call, "%s has %zu bytes, the map needs %llu", name, position->size,
				(unsigned long long)size);
}

struct lookup_call {
	struct call call;
	int fd;
	uint32_t count;
	struct bytes from, to, keys, values;
};

static bool lookup_read(struct lookup_call *lookup)
{
	struct call *call = &lookup->call;
	const napi_value *arguments = call->arguments;

	return argument_fd(call, arguments[0], "fd", &lookup->fd) &&
	       argument_bytes_or_none(call, arguments[1], "inBatch", &lookup->from) &&
	       argument_bytes(call, arguments[2], "outBatch", &lookup->to) &&
	       argument_bytes(call, arguments[3], "keys", &lookup->keys) &&
	       argument_bytes(call, arguments[4], "values", &lookup->values) &&
	       argument_u32(call, arguments[5], "count", &lookup->count);
}

static bool lookup_check(const struct lookup_call *lookup, const struct map_shape *shape)
{
	const struct call *call = &lookup->call;
	bool begins = argument_is_absent(call, call->arguments[1]);

	return (begins || batch_check_position(call, "inBatch", &lookup->from, shape)) &&
	       batch_check_position(call, "outBatch", &lookup->to, shape) &&
	       batch_check_size(call, "keys", &lookup->keys, shape->key_size, lookup->count) &&
	       batch_check_size(call, "values", &lookup->values, shape->value_size, lookup->count);
}

static napi_value map_lookup_batch(napi_env env, napi_callback_info info)
{
	struct lookup_call lookup;
	struct map_shape shape;
	uint32_t count;
	int error;

	if (!call_begin(&lookup.call, env, info) || !lookup_read(&lookup))
		return NULL;
	error = map_shape(lookup.fd, &shape);
	if (error)
		return batch_result(env, error, 0);
	if (!lookup_check(&lookup, &shape))
		return NULL;
	count = lookup.count;
	error = bpf_map_lookup_batch(lookup.fd, lookup.from.data, lookup.to.data, lookup.keys.data,
				     lookup.values.data, &count, NULL);
	return batch_done(env, error, lookup.count, count);
}

static napi_value map_update_batch(napi_env env, napi_callback_info info)
{
	struct bytes keys, values;
	struct map_shape shape;
	struct call call;
	uint32_t asked, count, flags;
	int fd, error;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd) ||
	    !argument_bytes(&call, call.arguments[1], "keys", &keys) ||
	    !argument_bytes(&call, call.arguments[2], "values", &values) ||
	    !argument_u32(&call, call.arguments[3], "count", &asked) ||
	    !argument_flags(&call, call.arguments[4], "flags", &flags))
		return NULL;
	error = map_shape(fd, &shape);
	if (error)
		return batch_result(env, error, 0);
	if (!batch_check_size(&call, "keys", &keys, shape.key_size, asked) ||
	    !batch_check_size(&call, "values", &values, shape.value_size, asked))
		return NULL;
	LIBBPF_OPTS(bpf_map_batch_opts, options, .elem_flags = flags);
	count = asked;
	error = bpf_map_update_batch(fd, keys.data, values.data, &count, &options);
	return batch_done(env, error, asked, count);
}

static napi_value map_delete_batch(napi_env env, napi_callback_info info)
{
	struct map_shape shape;
	struct bytes keys;
	struct call call;
	uint32_t asked, count;
	int fd, error;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd) ||
	    !argument_bytes(&call, call.arguments[1], "keys", &keys) ||
	    !argument_u32(&call, call.arguments[2], "count", &asked))
		return NULL;
	error = map_shape(fd, &shape);
	if (error)
		return batch_result(env, error, 0);
	if (!batch_check_size(&call, "keys", &keys, shape.key_size, asked))
		return NULL;
	count = asked;
	error = bpf_map_delete_batch(fd, keys.data, &count, NULL);
	return batch_done(env, error, asked, count);
}

const struct function batch_functions[] = {
	{"mapLookupBatch", map_lookup_batch},
	{"mapUpdateBatch", map_update_batch},
	{"mapDeleteBatch", map_delete_batch},
	{},
};
