/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of an object file. */
#include <errno.h>
#include <fcntl.h>

#include "descriptor.h"
#include "module.h"
#include "object.h"
#include "result.h"

/* Far above any name that an object file has. */
#define NAME_SIZE 256

static bool program_find(struct call *call, struct object **object, struct bpf_program **program)
{
	char name[NAME_SIZE];

	if (!argument_object(call, call->arguments[0], object) ||
	    !argument_string(call, call->arguments[1], "program", name, sizeof(name)))
		return false;
	*program = bpf_object__find_program_by_name((*object)->bpf, name);
	return true;
}

static napi_value program_spec(napi_env env, const struct bpf_program *program)
{
	napi_value spec = result_object(env);

	result_set_string(env, spec, "name", bpf_program__name(program));
	result_set_string(env, spec, "section", bpf_program__section_name(program));
	result_set_number(env, spec, "type", bpf_program__type(program));
	return spec;
}

static napi_value object_programs(napi_env env, napi_callback_info info)
{
	struct call call;
	struct object *object;
	struct bpf_program *program;
	napi_value list = NULL;
	uint32_t count = 0;

	if (!call_begin(&call, env, info) || !argument_object(&call, call.arguments[0], &object))
		return NULL;
	napi_create_array(env, &list);
	bpf_object__for_each_program (program, object->bpf)
		napi_set_element(env, list, count++, program_spec(env, program));
	return list;
}

static napi_value object_set_autoload(napi_env env, napi_callback_info info)
{
	struct call call;
	struct object *object;
	struct bpf_program *program;
	bool load;

	if (!call_begin(&call, env, info) || !program_find(&call, &object, &program) ||
	    !argument_boolean(&call, call.arguments[2], "load", &load))
		return NULL;
	if (!program)
		return result_number(env, -ENOENT);
	if (object->loaded)
		return result_number(env, -EBUSY);
	return result_number(env, bpf_program__set_autoload(program, load));
}

static napi_value object_program_fd(napi_env env, napi_callback_info info)
{
	struct call call;
	struct object *object;
	struct bpf_program *program;
	int fd;

	if (!call_begin(&call, env, info) || !program_find(&call, &object, &program))
		return NULL;
	if (!program)
		return result_number(env, -ENOENT);
	fd = bpf_program__fd(program);
	if (fd < 0)
		return result_number(env, -EINVAL);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return result_descriptor(env, fd < 0 ? -errno : fd);
}

const struct function object_program_functions[] = {
	{"objectPrograms", object_programs},
	{"objectSetAutoload", object_set_autoload},
	{"objectProgramFd", object_program_fd},
	{},
};
