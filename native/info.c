/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells about maps, programs, links and BTF. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "argument.h"
#include "descriptor.h"
#include "module.h"
#include "result.h"
#include "uapi.h"

static int info_get(int fd, enum descriptor_kind kind, void *info, uint32_t size)
{
	if (descriptor_kind(fd) != kind)
		return -EINVAL;
	return bpf_obj_get_info_by_fd(fd, info, &size);
}

static napi_value map_info(napi_env env, napi_callback_info callback)
{
	struct bpf_map_info info = {};
	struct call call;
	napi_value result;
	int fd, error;

	if (!call_begin(&call, env, callback) || !argument_fd(&call, call.arguments[0], "fd", &fd))
		return NULL;
	error = info_get(fd, DESCRIPTOR_MAP, &info, sizeof(info));
	if (error)
		return result_number(env, error);
	result = result_object(env);
	result_set_string(env, result, "name", info.name);
	result_set_number(env, result, "type", info.type);
	result_set_number(env, result, "keySize", info.key_size);
	result_set_number(env, result, "valueSize", info.value_size);
	result_set_number(env, result, "maxEntries", info.max_entries);
	result_set_number(env, result, "flags", info.map_flags);
	result_set_number(env, result, "id", info.id);
	result_set_number(env, result, "btfId", info.btf_id);
	return result;
}

static napi_value id_array(napi_env env, const uint32_t *ids, uint32_t count)
{
	napi_value list = NULL;

	napi_create_array_with_length(env, count, &list);
	for (uint32_t i = 0; i < count; i++)
		napi_set_element(env, list, i, result_number(env, ids[i]));
	return list;
}

static napi_value program_result(napi_env env, const struct bpf_prog_info *info,
				 const uint32_t *ids)
{
	napi_value result = result_object(env);
	char tag[2 * BPF_TAG_SIZE + 1];

	for (int i = 0; i < BPF_TAG_SIZE; i++)
		snprintf(tag + 2 * i, 3, "%02x", info->tag[i]);
	result_set_number(env, result, "id", info->id);
	result_set_string(env, result, "name", info->name);
	result_set_number(env, result, "type", info->type);
	result_set_string(env, result, "tag", tag);
	result_set_number(env, result, "xlatedSize", info->xlated_prog_len);
	result_set_number(env, result, "jitedSize", info->jited_prog_len);
	result_set_number(env, result, "verifiedInsns", info->verified_insns);
	result_set_bigint(env, result, "runTimeNs", info->run_time_ns);
	result_set_bigint(env, result, "runCount", info->run_cnt);
	napi_set_named_property(env, result, "mapIds", id_array(env, ids, info->nr_map_ids));
	return result;
}

/* The verifier allows a program no more maps than this (MAX_USED_MAPS). */
#define PROGRAM_MAPS 64

static napi_value program_info(napi_env env, napi_callback_info callback)
{
	uint32_t ids[PROGRAM_MAPS] = {};
	struct bpf_prog_info info = {
		.nr_map_ids = PROGRAM_MAPS,
		.map_ids = (uintptr_t)ids,
	};
	struct call call;
	int fd, error;

	if (!call_begin(&call, env, callback) || !argument_fd(&call, call.arguments[0], "fd", &fd))
		return NULL;
	error = info_get(fd, DESCRIPTOR_PROGRAM, &info, sizeof(info));
	if (error)
		return result_number(env, error);
	if (info.nr_map_ids > PROGRAM_MAPS)
		info.nr_map_ids = PROGRAM_MAPS;
	return program_result(env, &info, ids);
}

/* Where a link is attached, when its kind is one that has a device or an attach type. */
static struct uapi_link_tcx link_place(const struct bpf_link_info *info)
{
	struct uapi_link_tcx place = {};

	if (info->type == UAPI_LINK_TYPE_TCX)
		memcpy(&place, &info->raw_tracepoint, sizeof(place));
	else if (info->type == BPF_LINK_TYPE_XDP)
		place.ifindex = info->xdp.ifindex;
	else if (info->type == BPF_LINK_TYPE_CGROUP)
		place.attach_type = info->cgroup.attach_type;
	return place;
}

static napi_value link_info(napi_env env, napi_callback_info callback)
{
	struct bpf_link_info info = {};
	struct uapi_link_tcx place;
	struct call call;
	napi_value result;
	int fd, error;

	if (!call_begin(&call, env, callback) || !argument_fd(&call, call.arguments[0], "fd", &fd))
		return NULL;
	error = info_get(fd, DESCRIPTOR_LINK, &info, sizeof(info));
	if (error)
		return result_number(env, error);
	place = link_place(&info);
	result = result_object(env);
	result_set_number(env, result, "id", info.id);
	result_set_number(env, result, "type", info.type);
	result_set_number(env, result, "programId", info.prog_id);
	result_set_number(env, result, "ifindex", place.ifindex);
	result_set_number(env, result, "attachType", place.attach_type);
	result_set_bigint(env, result, "cgroupId",
			  info.type == BPF_LINK_TYPE_CGROUP ? info.cgroup.cgroup_id : 0);
	return result;
}

/* Reads raw BTF into new memory, the caller's to free. */
static int btf_read(int fd, uint8_t **data, uint32_t *size)
{
	struct bpf_btf_info info = {};
	uint32_t info_size = sizeof(info);
	int error = bpf_obj_get_info_by_fd(fd, &info, &info_size);

	if (error)
		return error;
	*size = info.btf_size;
	*data = malloc(*size);
	if (!*data)
		return -ENOMEM;
	info = (struct bpf_btf_info){.btf = (uintptr_t)*data, .btf_size = *size};
	return bpf_obj_get_info_by_fd(fd, &info, &info_size);
}

static napi_value btf_by_id(napi_env env, napi_callback_info callback)
{
	struct call call;
	uint8_t *data = NULL;
	uint32_t id, size = 0;
	napi_value result;
	int fd, error;

	if (!call_begin(&call, env, callback) || !argument_u32(&call, call.arguments[0], "id", &id))
		return NULL;
	fd = bpf_btf_get_fd_by_id(id);
	if (fd < 0)
		return result_number(env, fd);
	error = btf_read(fd, &data, &size);
	close(fd);
	result = error ? result_number(env, error) : result_bytes(env, data, size);
	free(data);
	return result;
}

static napi_value map_by_id(napi_env env, napi_callback_info callback)
{
	struct call call;
	uint32_t id;

	if (!call_begin(&call, env, callback) || !argument_u32(&call, call.arguments[0], "id", &id))
		return NULL;
	return result_descriptor(env, bpf_map_get_fd_by_id(id));
}

static napi_value program_by_id(napi_env env, napi_callback_info callback)
{
	struct call call;
	uint32_t id;

	if (!call_begin(&call, env, callback) || !argument_u32(&call, call.arguments[0], "id", &id))
		return NULL;
	return result_descriptor(env, bpf_prog_get_fd_by_id(id));
}

/* The kernel lets one place hold no more programs (BPF_CGROUP_MAX_PROGS, BPF_MPROG_MAX). */
#define ATTACHED_PROGRAMS 64

static napi_value attached_programs(napi_env env, napi_callback_info callback)
{
	uint32_t ids[ATTACHED_PROGRAMS] = {};
	LIBBPF_OPTS(bpf_prog_query_opts, options, .prog_ids = ids, .prog_cnt = ATTACHED_PROGRAMS);
	struct call call;
	int64_t target, type;
	int error;

	if (!call_begin(&call, env, callback) ||
	    !argument_integer(&call, call.arguments[0], "target", 0, INT32_MAX, &target) ||
	    !argument_integer(&call, call.arguments[1], "attachType", 0, INT32_MAX, &type))
		return NULL;
	error = bpf_prog_query_opts((int)target, (enum bpf_attach_type)type, &options);
	if (error)
		return result_number(env, error);
	return id_array(env, ids, options.prog_cnt);
}

const struct function info_functions[] = {
	{"attachedPrograms", attached_programs},
	{"mapInfo", map_info},
	{"programInfo", program_info},
	{"linkInfo", link_info},
	{"btfById", btf_by_id},
	{"mapById", map_by_id},
	{"programById", program_by_id},
	{},
};
