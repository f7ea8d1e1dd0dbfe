/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, loads and closes object files. */
#include "object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "module.h"
#include "result.h"

#define OBJECT_NAME_SIZE 64

static const napi_type_tag object_tag = {0x9d1c2a5e5f3b4c71, 0xa2f04b6f0d9e8a13};

bool argument_object(const struct call *call, napi_value value, struct object **object)
{
	void *pointer;

	if (!argument_handle(call, value, "object", &object_tag, &pointer))
		return false;
	*object = pointer;
	return (*object)->bpf ? true : call_throw_type(call, "object is closed");
}

static void object_finalize(napi_env env, void *data, void *hint)
{
	struct object *object = data;

	(void)env;
	(void)hint;
	bpf_object__close(object->bpf);
	free(object);
}

static struct bpf_object *object_parse(const struct bytes *elf, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name);
	struct bpf_object *bpf;
	/* A copy: libelf may write to it, and its memory must be aligned. */
	void *copy = malloc(elf->size);

	if (!copy) {
		errno = ENOMEM;
		return NULL;
	}
	if (elf->size > 0)
		memcpy(copy, elf->data, elf->size);
	bpf = bpf_object__open_mem(copy, elf->size, &options);
	free(copy);
	return bpf;
}

static napi_value object_open(napi_env env, napi_callback_info info)
{
	struct call call;
	struct object *object;
	struct bytes elf;
	char name[OBJECT_NAME_SIZE];

	if (!call_begin(&call, env, info) ||
	    !argument_bytes(&call, call.arguments[0], "elf", &elf) ||
	    !argument_string(&call, call.arguments[1], "name", name, sizeof(name)))
		return NULL;
	object = calloc(1, sizeof(*object));
	if (!object)
		return result_number(env, -ENOMEM);
	object->bpf = object_parse(&elf, name);
	if (!object->bpf) {
		free(object);
		return result_number(env, -errno);
	}
	return result_handle(env, object, &object_tag, object_finalize);
}

static napi_value object_close(napi_env env, napi_callback_info info)
{
	struct call call;
	struct object *object;
	void *pointer;

	if (!call_begin(&call, env, info) ||
	    !argument_handle(&call, call.arguments[0], "object", &object_tag, &pointer))
		return NULL;
	object = pointer;
	bpf_object__close(object->bpf);
	object->bpf = NULL;
	return NULL;
}

static napi_value object_load(napi_env env, napi_callback_info info)
{
	struct log log = {};
	struct object *object;
	struct call call;
	napi_value result;
	int error;

	if (!call_begin(&call, env, info) || !argument_object(&call, call.arguments[0], &object))
		return NULL;
	object->loaded = true;
	log_collect(&log);
	error = bpf_object__load(object->bpf);
	log_collect(NULL);
	result = result_object(env);
	result_set_number(env, result, "errno", error < 0 ? error : 0);
	result_set_string(env, result, "log", error < 0 && log.text ? log.text : "");
	free(log.text);
	return result;
}

const struct function object_functions[] = {
	{"objectOpen", object_open},
	{"objectClose", object_close},
	{"objectLoad", object_load},
	{},
};
