/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of an object file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <bpf/bpf.h>

#include "descriptor.h"
#include "module.h"
#include "object.h"
#include "result.h"

/* Far above any name that an object file has. */
#define NAME_SIZE 256

/* A map that was asked for by name, and what to do with it. */
struct map_call {
	struct call call;
	struct object *object;
	struct bpf_map *map; /* NULL: no such map */
};

static bool map_call_begin(struct map_call *map_call, napi_env env, napi_callback_info info)
{
	struct call *call = &map_call->call;
	char name[NAME_SIZE];

	if (!call_begin(call, env, info) ||
	    !argument_object(call, call->arguments[0], &map_call->object) ||
	    !argument_string(call, call->arguments[1], "map", name, sizeof(name)))
		return false;
	map_call->map = bpf_object__find_map_by_name(map_call->object->bpf, name);
	return true;
}

static napi_value map_spec(napi_env env, const struct bpf_map *map)
{
	napi_value spec = result_object(env);

	result_set_string(env, spec, "name", bpf_map__name(map));
	result_set_number(env, spec, "type", bpf_map__type(map));
	result_set_number(env, spec, "keySize", bpf_map__key_size(map));
	result_set_number(env, spec, "valueSize", bpf_map__value_size(map));
	result_set_number(env, spec, "maxEntries", bpf_map__max_entries(map));
	result_set_number(env, spec, "flags", bpf_map__map_flags(map));
	return spec;
}

static napi_value object_maps(napi_env env, napi_callback_info info)
{
	struct call call;
	struct object *object;
	struct bpf_map *map;
	napi_value list = NULL;
	uint32_t count = 0;

	if (!call_begin(&call, env, info) || !argument_object(&call, call.arguments[0], &object))
		return NULL;
	napi_create_array(env, &list);
	bpf_object__for_each_map (map, object->bpf)
		napi_set_element(env, list, count++, map_spec(env, map));
	return list;
}

static napi_value object_set_max_entries(napi_env env, napi_callback_info info)
{
	struct map_call map;
	int64_t entries;

	if (!map_call_begin(&map, env, info) ||
	    !argument_integer(&map.call, map.call.arguments[2], "maxEntries", 1, UINT32_MAX,
			      &entries))
		return NULL;
	if (!map.map)
		return result_number(env, -ENOENT);
	if (map.object->loaded)
		return result_number(env, -EBUSY);
	return result_number(env, bpf_map__set_max_entries(map.map, (uint32_t)entries));
}

/* libbpf checks this only for maps that it finds pinned itself. */
static bool map_fits(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return bpf_map__type(map) == info->type && bpf_map__key_size(map) == info->key_size &&
	       bpf_map__value_size(map) == info->value_size &&
	       bpf_map__max_entries(map) == info->max_entries &&
	       bpf_map__map_flags(map) == info->map_flags;
}

static int map_reuse(struct bpf_map *map, int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int error;

	if (descriptor_kind(fd) != DESCRIPTOR_MAP)
		return -EINVAL;
	error = bpf_obj_get_info_by_fd(fd, &info, &size);
	if (error)
		return error;
	return map_fits(map, &info) ? bpf_map__reuse_fd(map, fd) : -EINVAL;
}

static napi_value object_reuse_map(napi_env env, napi_callback_info info)
{
	struct map_call map;
	int fd;

	if (!map_call_begin(&map, env, info) ||
	    !argument_fd(&map.call, map.call.arguments[2], "fd", &fd))
		return NULL;
	if (!map.map)
		return result_number(env, -ENOENT);
	if (map.object->loaded)
		return result_number(env, -EBUSY);
	return result_number(env, map_reuse(map.map, fd));
}

static napi_value object_map_fd(napi_env env, napi_callback_info info)
{
	struct map_call map;
	int fd;

	if (!map_call_begin(&map, env, info))
		return NULL;
	if (!map.map)
		return result_number(env, -ENOENT);
	fd = bpf_map__fd(map.map);
	if (fd < 0)
		return result_number(env, -EINVAL);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return result_descriptor(env, fd < 0 ? -errno : fd);
}

/* libbpf calls the map "OBJECT.rodata", with OBJECT cut to fit. */
static struct bpf_map *rodata_find(const struct bpf_object *object)
{
	const size_t length = strlen(".rodata");
	struct bpf_map *map;

	bpf_object__for_each_map (map, object) {
		const char *name = bpf_map__name(map);

		if (bpf_map__is_internal(map) && strlen(name) >= length &&
		    !strcmp(name + strlen(name) - length, ".rodata"))
			return map;
	}
	return NULL;
}

static napi_value object_set_rodata(napi_env env, napi_callback_info info)
{
	struct call call;
	struct object *object;
	struct bytes data;
	struct bpf_map *map;
	void *start;
	size_t size = 0;

	if (!call_begin(&call, env, info) || !argument_object(&call, call.arguments[0], &object) ||
	    !argument_bytes(&call, call.arguments[1], "data", &data))
		return NULL;
	/* After a load the kernel has its own copy, and libbpf's is read-only. */
	if (object->loaded)
		return result_number(env, -EBUSY);
	map = rodata_find(object->bpf);
	start = map ? (void *)bpf_map__initial_value(map, &size) : NULL;
	if (!start)
		return result_number(env, -ENOENT);
	if (data.size > size) {
		call_throw_range(&call, "data has %zu bytes, .rodata has %zu", data.size, size);
		return NULL;
	}
	if (data.size > 0)
		memcpy(start, data.data, data.size);
	return result_number(env, 0);
}

const struct function object_map_functions[] = {
	{"objectMaps", object_maps},
	{"objectSetMaxEntries", object_set_max_entries},
	{"objectReuseMap", object_reuse_map},
	{"objectMapFd", object_map_fd},
	{"objectSetRodata", object_set_rodata},
	{},
};
