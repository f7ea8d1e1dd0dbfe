/* SPDX-License-Identifier: Apache-2.0 */
#include "result.h"

napi_value result_number(napi_env env, int64_t number)
{
	napi_value value = NULL;

	napi_create_int64(env, number, &value);
	return value;
}

napi_value result_bytes(napi_env env, const void *data, size_t size)
{
	napi_value value = NULL;

	napi_create_buffer_copy(env, size, data, NULL, &value);
	return value;
}

napi_value result_object(napi_env env)
{
	napi_value value = NULL;

	napi_create_object(env, &value);
	return value;
}

void result_set_number(napi_env env, napi_value object, const char *name, int64_t number)
{
	napi_set_named_property(env, object, name, result_number(env, number));
}

void result_set_bigint(napi_env env, napi_value object, const char *name, uint64_t number)
{
	napi_value value = NULL;

	napi_create_bigint_uint64(env, number, &value);
	napi_set_named_property(env, object, name, value);
}

void result_set_string(napi_env env, napi_value object, const char *name, const char *string)
{
	napi_value value = NULL;

	napi_create_string_utf8(env, string, NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(env, object, name, value);
}

napi_value result_handle(napi_env env, void *pointer, const napi_type_tag *tag,
			 napi_finalize finalize)
{
	napi_value value = NULL;

	if (napi_create_external(env, pointer, finalize, NULL, &value) != napi_ok) {
		finalize(env, pointer, NULL);
		return NULL;
	}
	if (napi_type_tag_object(env, value, tag) != napi_ok)
		return NULL;
	return value;
}
