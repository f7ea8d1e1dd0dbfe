/* SPDX-License-Identifier: Apache-2.0 */
/* Values for JavaScript. A failure leaves an exception pending, or the value undefined. */
#ifndef EK_RESULT_H
#define EK_RESULT_H

#include <stddef.h>
#include <stdint.h>

#include <node_api.h>

napi_value result_number(napi_env env, int64_t number);
napi_value result_bytes(napi_env env, const void *data, size_t size);
napi_value result_object(napi_env env);
void result_set_number(napi_env env, napi_value object, const char *name, int64_t number);
void result_set_bigint(napi_env env, napi_value object, const char *name, uint64_t number);
void result_set_string(napi_env env, napi_value object, const char *name, const char *string);

/*
 * A value that JavaScript can hold but not look into, tagged so that no other is
 * taken for it. finalize frees the pointer; it runs at once when the handle can't
 * be made (then the result is NULL).
 */
napi_value result_handle(napi_env env, void *pointer, const napi_type_tag *tag,
			 napi_finalize finalize);

#endif
