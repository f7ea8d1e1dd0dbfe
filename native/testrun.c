/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program on a packet of the caller's (BPF_PROG_TEST_RUN). */
#include <errno.h>

#include <bpf/bpf.h>

#include "argument.h"
#include "module.h"
#include "result.h"

/* The fields of TestRun, before and after the check. */
struct run_values {
	napi_value data, data_out, ctx, ctx_out, repeat, flags;
};

struct run {
	struct bytes data, data_out, ctx, ctx_out;
	int64_t repeat;
	uint32_t flags;
};

/* All fields first: a getter may run JavaScript, which may move or free Buffers. */
static bool run_fields(const struct call *call, napi_value object, struct run_values *values)
{
	return argument_field(call, object, "data", &values->data) &&
	       argument_field(call, object, "dataOut", &values->data_out) &&
	       argument_field(call, object, "ctx", &values->ctx) &&
	       argument_field(call, object, "ctxOut", &values->ctx_out) &&
	       argument_field(call, object, "repeat", &values->repeat) &&
	       argument_field(call, object, "flags", &values->flags);
}

static bool run_read(const struct call *call, const struct run_values *values, struct run *run)
{
	run->repeat = 1;
	return argument_bytes_or_none(call, values->data, "data", &run->data) &&
	       argument_bytes_or_none(call, values->data_out, "dataOut", &run->data_out) &&
	       argument_bytes_or_none(call, values->ctx, "ctx", &run->ctx) &&
	       argument_bytes_or_none(call, values->ctx_out, "ctxOut", &run->ctx_out) &&
	       argument_flags(call, values->flags, "flags", &run->flags) &&
	       (argument_is_absent(call, values->repeat) ||
		argument_integer(call, values->repeat, "repeat", 1, INT32_MAX, &run->repeat));
}

static bool run_check(const struct call *call, const struct run *run)
{
	if (run->data.size > UINT32_MAX || run->data_out.size > UINT32_MAX ||
	    run->ctx.size > UINT32_MAX || run->ctx_out.size > UINT32_MAX)
		return call_throw_range(call, "a Buffer is longer than 4 GiB");
	return true;
}

static napi_value run_do(napi_env env, int fd, const struct run *run)
{
	/*
	 * An output pointer must be NULL when it has no room: the kernel takes a
	 * size of 0 to mean "as much as there is". argument_bytes sees to that.
	 */
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = run->data.data,
		    .data_size_in = (uint32_t)run->data.size, .data_out = run->data_out.data,
		    .data_size_out = (uint32_t)run->data_out.size, .ctx_in = run->ctx.data,
		    .ctx_size_in = (uint32_t)run->ctx.size, .ctx_out = run->ctx_out.data,
		    .ctx_size_out = (uint32_t)run->ctx_out.size, .repeat = (int)run->repeat,
		    .flags = run->flags);
	int error = bpf_prog_test_run_opts(fd, &options);
	napi_value result = result_object(env);

	result_set_number(env, result, "errno", error);
	result_set_number(env, result, "retval", options.retval);
	result_set_number(env, result, "duration", options.duration);
	result_set_number(env, result, "dataSizeOut", options.data_size_out);
	result_set_number(env, result, "ctxSizeOut", options.ctx_size_out);
	return result;
}

static napi_value test_run(napi_env env, napi_callback_info info)
{
	struct run_values values;
	struct run run;
	struct call call;
	int fd;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "programFd", &fd) ||
	    !run_fields(&call, call.arguments[1], &values) || !run_read(&call, &values, &run) ||
	    !run_check(&call, &run))
		return NULL;
	return run_do(env, fd, &run);
}

const struct function testrun_functions[] = {
	{"testRun", test_run},
	{},
};
