/* SPDX-License-Identifier: Apache-2.0 */
/* Single elements of maps. */
#include "map.h"

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "descriptor.h"
#include "module.h"
#include "result.h"

static uint64_t round_up_8(uint64_t size)
{
	return (size + 7) & ~7ULL;
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

int map_shape(int fd, struct map_shape *shape)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	int error = bpf_obj_get_info_by_fd(fd, &info, &size);
	int cpus = libbpf_num_possible_cpus();

	if (error)
		return error;
	if (cpus < 0)
		return cpus;
	shape->type = info.type;
	shape->max_entries = info.max_entries;
	shape->key_size = info.key_size;
	shape->element_size = round_up_8(info.value_size);
	shape->value_size = info.value_size;
	if (is_per_cpu(info.type))
		shape->value_size = shape->element_size * cpus;
	return 0;
}

bool map_check_size(const struct call *call, const char *name, const struct bytes *bytes,
		    uint64_t size)
{
	if (bytes->size == size)
		return true;
	return call_throw_range(call, "%s has %zu bytes, the map needs %llu", name, bytes->size,
				(unsigned long long)size);
}

/*
 * The shape of what must be a map: program's info, read as a map's, gives nonsense
 * sizes. That is harmless (bpf(2) then refuses), but would make a wrong message.
 */
static int map_shape_checked(int fd, struct map_shape *shape, const struct bytes *key,
			     const struct bytes *value)
{
	int error = map_shape(fd, shape);

	if (error)
		return error;
	if (key->size == shape->key_size && (!value || value->size == shape->value_size))
		return 0;
	return descriptor_kind(fd) == DESCRIPTOR_MAP ? 0 : -EINVAL;
}

/* What all calls about one element begin with: (fd, key, value). */
struct element_call {
	struct call call;
	int fd;
	int error; /* -errno when fd is no map */
	struct bytes key;
	struct bytes value;
};

static bool element_begin(struct element_call *element, napi_env env, napi_callback_info info,
			  bool has_value)
{
	struct call *call = &element->call;
	struct bytes *value = has_value ? &element->value : NULL;
	struct map_shape shape;

	if (!call_begin(call, env, info) ||
	    !argument_fd(call, call->arguments[0], "fd", &element->fd) ||
	    !argument_bytes(call, call->arguments[1], "key", &element->key) ||
	    (value && !argument_bytes(call, call->arguments[2], "value", value)))
		return false;
	element->error = map_shape_checked(element->fd, &shape, &element->key, value);
	if (element->error)
		return true;
	return map_check_size(call, "key", &element->key, shape.key_size) &&
	       (!value || map_check_size(call, "value", value, shape.value_size));
}

static napi_value map_lookup(napi_env env, napi_callback_info info)
{
	struct element_call element;

	if (!element_begin(&element, env, info, true))
		return NULL;
	if (!element.error)
		element.error =
			bpf_map_lookup_elem(element.fd, element.key.data, element.value.data);
	return result_number(env, element.error);
}

static napi_value map_update(napi_env env, napi_callback_info info)
{
	struct element_call element;
	uint32_t flags;

	if (!element_begin(&element, env, info, true) ||
	    !argument_flags(&element.call, element.call.arguments[3], "flags", &flags))
		return NULL;
	if (!element.error)
		element.error = bpf_map_update_elem(element.fd, element.key.data,
						    element.value.data, flags);
	return result_number(env, element.error);
}

static napi_value map_delete(napi_env env, napi_callback_info info)
{
	struct element_call element;

	if (!element_begin(&element, env, info, false))
		return NULL;
	if (!element.error)
		element.error = bpf_map_delete_elem(element.fd, element.key.data);
	return result_number(env, element.error);
}

static napi_value map_next_key(napi_env env, napi_callback_info info)
{
	struct map_shape shape;
	struct bytes key, next;
	struct call call;
	int fd, error;

	if (!call_begin(&call, env, info) || !argument_fd(&call, call.arguments[0], "fd", &fd) ||
	    !argument_bytes_or_none(&call, call.arguments[1], "key", &key) ||
	    !argument_bytes(&call, call.arguments[2], "next", &next))
		return NULL;
	error = map_shape_checked(fd, &shape, &next, NULL);
	if (error)
		return result_number(env, error);
	if (!map_check_size(&call, "next", &next, shape.key_size))
		return NULL;
	if (!argument_is_absent(&call, call.arguments[1]) &&
	    !map_check_size(&call, "key", &key, shape.key_size))
		return NULL;
	return result_number(env, bpf_map_get_next_key(fd, key.data, next.data));
}

struct map_create {
	char name[BPF_OBJ_NAME_LEN];
	uint32_t type, key_size, value_size, max_entries, flags;
};

static bool map_create_u32(const struct call *call, const char *name, uint32_t *result)
{
	napi_value field;

	return argument_field(call, call->arguments[0], name, &field) &&
	       argument_u32(call, field, name, result);
}

static bool map_create_read(const struct call *call, struct map_create *spec)
{
	napi_value name;

	return argument_field(call, call->arguments[0], "name", &name) &&
	       argument_string(call, name, "name", spec->name, sizeof(spec->name)) &&
	       map_create_u32(call, "type", &spec->type) &&
	       map_create_u32(call, "keySize", &spec->key_size) &&
	       map_create_u32(call, "valueSize", &spec->value_size) &&
	       map_create_u32(call, "maxEntries", &spec->max_entries) &&
	       map_create_u32(call, "flags", &spec->flags);
}

static napi_value map_create(napi_env env, napi_callback_info info)
{
	struct map_create spec;
	struct call call;

	if (!call_begin(&call, env, info) || !map_create_read(&call, &spec))
		return NULL;
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = spec.flags);
	return result_descriptor(env, bpf_map_create(spec.type, spec.name, spec.key_size,
						     spec.value_size, spec.max_entries, &options));
}

static napi_value possible_cpus(napi_env env, napi_callback_info info)
{
	(void)info;
	return result_number(env, libbpf_num_possible_cpus());
}

const struct function map_functions[] = {
	{"mapCreate", map_create},
	{"mapLookup", map_lookup},
	{"mapUpdate", map_update},
	{"mapDelete", map_delete},
	{"mapNextKey", map_next_key},
	{"possibleCpus", possible_cpus},
	{},
};
