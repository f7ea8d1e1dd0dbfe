/* SPDX-License-Identifier: Apache-2.0 */
#include "argument.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 256

bool call_begin(struct call *call, napi_env env, napi_callback_info info)
{
	size_t count = CALL_ARGUMENTS;
	void *data = NULL;

	call->env = env;
	if (napi_get_cb_info(env, info, &count, call->arguments, NULL, &data) != napi_ok)
		return false;
	call->function = data;
	return true;
}

static void message_write(const struct call *call, char *message, const char *format, va_list list)
{
	int used = snprintf(message, MESSAGE_SIZE, "%s: ", call->function);

	vsnprintf(message + used, MESSAGE_SIZE - used, format, list);
}

bool call_throw_type(const struct call *call, const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list list;

	va_start(list, format);
	message_write(call, message, format, list);
	va_end(list);
	napi_throw_type_error(call->env, "ERR_INVALID_ARG_TYPE", message);
	return false;
}

bool call_throw_range(const struct call *call, const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list list;

	va_start(list, format);
	message_write(call, message, format, list);
	va_end(list);
	napi_throw_range_error(call->env, "ERR_OUT_OF_RANGE", message);
	return false;
}

static bool has_type(const struct call *call, napi_value value, napi_valuetype wanted)
{
	napi_valuetype type;

	return napi_typeof(call->env, value, &type) == napi_ok && type == wanted;
}

bool argument_is_absent(const struct call *call, napi_value value)
{
	return has_type(call, value, napi_undefined) || has_type(call, value, napi_null);
}

bool argument_integer(const struct call *call, napi_value value, const char *name, int64_t min,
		      int64_t max, int64_t *result)
{
	double number = 0;

	if (napi_get_value_double(call->env, value, &number) != napi_ok)
		return call_throw_type(call, "%s must be a number", name);
	/* Also refuses NaN, which equals nothing. Limits stay far below 2^53. */
	if (!(number == trunc(number) && number >= (double)min && number <= (double)max))
		return call_throw_range(call, "%s must be an integer from %lld to %lld", name,
					(long long)min, (long long)max);
	*result = (int64_t)number;
	return true;
}

bool argument_u32(const struct call *call, napi_value value, const char *name, uint32_t *result)
{
	int64_t integer = 0;

	if (!argument_integer(call, value, name, 0, UINT32_MAX, &integer))
		return false;
	*result = (uint32_t)integer;
	return true;
}

bool argument_flags(const struct call *call, napi_value value, const char *name, uint32_t *result)
{
	*result = 0;
	return has_type(call, value, napi_undefined) || argument_u32(call, value, name, result);
}

static bool argument_int(const struct call *call, napi_value value, const char *name, int min,
			 int *result)
{
	int64_t integer = 0;

	if (!argument_integer(call, value, name, min, INT32_MAX, &integer))
		return false;
	*result = (int)integer;
	return true;
}

bool argument_fd(const struct call *call, napi_value value, const char *name, int *fd)
{
	return argument_int(call, value, name, 0, fd);
}

bool argument_ifindex(const struct call *call, napi_value value, const char *name, int *ifindex)
{
	return argument_int(call, value, name, 1, ifindex);
}

bool argument_boolean(const struct call *call, napi_value value, const char *name, bool *result)
{
	if (napi_get_value_bool(call->env, value, result) != napi_ok)
		return call_throw_type(call, "%s must be a boolean", name);
	return true;
}

bool argument_string(const struct call *call, napi_value value, const char *name, char *buffer,
		     size_t size)
{
	size_t length;

	if (napi_get_value_string_utf8(call->env, value, NULL, 0, &length) != napi_ok)
		return call_throw_type(call, "%s must be a string", name);
	if (length >= size)
		return call_throw_range(call, "%s must be shorter than %zu bytes", name, size);
	if (napi_get_value_string_utf8(call->env, value, buffer, size, &length) != napi_ok)
		return call_throw_type(call, "%s must be a string", name);
	if (strlen(buffer) != length)
		return call_throw_range(call, "%s must have no NUL in it", name);
	return true;
}

bool argument_bytes(const struct call *call, napi_value value, const char *name,
		    struct bytes *bytes)
{
	napi_typedarray_type type = napi_int8_array;
	bool is_array = false;
	size_t size = 0;
	void *data = NULL;

	napi_is_typedarray(call->env, value, &is_array);
	if (is_array)
		napi_get_typedarray_info(call->env, value, &type, &size, &data, NULL, NULL);
	if (type != napi_uint8_array)
		return call_throw_type(call, "%s must be a Buffer", name);
	bytes->data = size > 0 ? data : NULL;
	bytes->size = bytes->data ? size : 0;
	return true;
}

bool argument_bytes_or_none(const struct call *call, napi_value value, const char *name,
			    struct bytes *bytes)
{
	*bytes = (struct bytes){};
	return argument_is_absent(call, value) || argument_bytes(call, value, name, bytes);
}

bool argument_field(const struct call *call, napi_value object, const char *name, napi_value *field)
{
	bool pending = false;

	if (!has_type(call, object, napi_object))
		return call_throw_type(call, "the object that has %s must be an object", name);
	if (napi_get_named_property(call->env, object, name, field) == napi_ok)
		return true;
	/* A getter that threw: its exception goes on. */
	napi_is_exception_pending(call->env, &pending);
	return pending ? false : call_throw_type(call, "%s can't be read", name);
}

bool argument_handle(const struct call *call, napi_value value, const char *name,
		     const napi_type_tag *tag, void **pointer)
{
	bool tagged = false;

	if (has_type(call, value, napi_external))
		napi_check_object_type_tag(call->env, value, tag, &tagged);
	if (!tagged || napi_get_value_external(call->env, value, pointer) != napi_ok)
		return call_throw_type(call, "%s is not one that this bridge made", name);
	return true;
}
