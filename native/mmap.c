/* SPDX-License-Identifier: Apache-2.0 */
/* The values of a BPF_F_MMAPABLE array as a Buffer (Linux 5.5). */
#include <errno.h>
#include <sys/mman.h>

#include <linux/bpf.h>

#include "descriptor.h"
#include "map.h"
#include "module.h"
#include "result.h"

static void mapping_finalize(napi_env env, void *data, void *hint)
{
	(void)env;
	munmap(data, (size_t)(uintptr_t)hint);
}

/* 0 when fd is an array; its size in bytes goes to size. */
static int array_size(int fd, uint64_t *size)
{
	struct map_shape shape;
	int error;

	if (descriptor_kind(fd) != DESCRIPTOR_MAP)
		return -EINVAL;
	error = map_shape(fd, &shape);
	if (error)
		return error;
	*size = shape.element_size * shape.max_entries;
	return shape.type == BPF_MAP_TYPE_ARRAY ? 0 : -EINVAL;
}

static napi_value mapping_buffer(napi_env env, void *start, size_t size)
{
	void *hint = (void *)(uintptr_t)size;
	napi_value buffer = NULL;

	if (napi_create_external_buffer(env, size, start, mapping_finalize, hint, &buffer) ==
	    napi_ok)
		return buffer;
	munmap(start, size);
	return NULL;
}

/*
 * Always writable: a store to a read-only mapping is a signal, which JavaScript
 * can't catch.
 */
static napi_value map_mmap(napi_env env, napi_callback_info info)
{
	struct call call;
	int64_t length;
	uint64_t size;
	void *start;
	int fd, error;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd) ||
	    !argument_integer(&call, call.arguments[1], "length", 1, 1LL << 40, &length))
		return NULL;
	error = array_size(fd, &size);
	if (error)
		return result_number(env, error);
	if ((uint64_t)length > size) {
		call_throw_range(&call, "length is %lld, the map has %llu bytes", (long long)length,
				 (unsigned long long)size);
		return NULL;
	}
	start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start == MAP_FAILED)
		return result_number(env, -errno);
	return mapping_buffer(env, start, length);
}

const struct function mmap_functions[] = {
	{"mapMmap", map_mmap},
	{},
};
