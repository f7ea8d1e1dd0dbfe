/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checked access to the arguments of a call from JavaScript. Each argument_*
 * function either fills its result and returns true, or throws (TypeError: wrong
 * type, RangeError: wrong size or value) and returns false. Only argument_field
 * can run JavaScript, so get fields first and the bytes of Buffers last.
 */
#ifndef EK_ARGUMENT_H
#define EK_ARGUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <node_api.h>

#define CALL_ARGUMENTS 7

struct call {
	napi_env env;
	const char *function;		      /* its name, for messages */
	napi_value arguments[CALL_ARGUMENTS]; /* undefined where none was given */
};

/* The memory of a Uint8Array. Good until JavaScript runs again. */
struct bytes {
	uint8_t *data; /* NULL when size is 0 */
	size_t size;
};

bool call_begin(struct call *call, napi_env env, napi_callback_info info);

/* Throw, with the function's name in front. Return false. */
bool call_throw_type(const struct call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool call_throw_range(const struct call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool argument_is_absent(const struct call *call, napi_value value);
bool argument_integer(const struct call *call, napi_value value, const char *name, int64_t min,
		      int64_t max, int64_t *result);
bool argument_u32(const struct call *call, napi_value value, const char *name, uint32_t *result);
/* The same, but 0 when it is undefined. */
bool argument_flags(const struct call *call, napi_value value, const char *name, uint32_t *result);
bool argument_fd(const struct call *call, napi_value value, const char *name, int *fd);
bool argument_ifindex(const struct call *call, napi_value value, const char *name, int *ifindex);
bool argument_boolean(const struct call *call, napi_value value, const char *name, bool *result);
/* Copies a string without NUL into buffer, which has size bytes. */
bool argument_string(const struct call *call, napi_value value, const char *name, char *buffer,
		     size_t size);
bool argument_bytes(const struct call *call, napi_value value, const char *name,
		    struct bytes *bytes);
/* The same; NULL and 0 when it is null or undefined. */
bool argument_bytes_or_none(const struct call *call, napi_value value, const char *name,
			    struct bytes *bytes);
/* A property of an object. May run JavaScript. */
bool argument_field(const struct call *call, napi_value object, const char *name,
		    napi_value *field);
/* The pointer in a handle (handle.h) that carries this tag. */
bool argument_handle(const struct call *call, napi_value value, const char *name,
		     const napi_type_tag *tag, void **pointer);

#endif
