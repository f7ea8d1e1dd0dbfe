/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tc filters on the clsact qdisc, for kernels without tcx links (before 6.6). A
 * filter is known by device, direction, priority and handle, and all others are
 * left alone. So is the qdisc, which may hold filters of others.
 */
#include <errno.h>

#include <bpf/libbpf.h>

#include "argument.h"
#include "module.h"
#include "result.h"

struct filter {
	int ifindex;
	bool egress;
	int64_t priority;
	int64_t handle;
};

static bool filter_read(const struct call *call, unsigned int first, struct filter *filter)
{
	const napi_value *arguments = call->arguments + first;

	return argument_ifindex(call, arguments[0], "ifindex", &filter->ifindex) &&
	       argument_boolean(call, arguments[1], "egress", &filter->egress) &&
	       argument_integer(call, arguments[2], "priority", 1, UINT16_MAX, &filter->priority) &&
	       argument_integer(call, arguments[3], "handle", 1, UINT32_MAX, &filter->handle);
}

#define FILTER_HOOK(filter, hook)                                                                  \
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (filter)->ifindex,                               \
		    .attach_point = (filter)->egress ? BPF_TC_EGRESS : BPF_TC_INGRESS)

static int filter_attach(const struct filter *filter, int program)
{
	FILTER_HOOK(filter, hook);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .flags = BPF_TC_F_REPLACE,
		    .handle = (uint32_t)filter->handle, .priority = (uint32_t)filter->priority);
	int error = bpf_tc_hook_create(&hook);

	if (error && error != -EEXIST)
		return error;
	return bpf_tc_attach(&hook, &options);
}

static int filter_detach(const struct filter *filter)
{
	FILTER_HOOK(filter, hook);
	LIBBPF_OPTS(bpf_tc_opts, options, .handle = (uint32_t)filter->handle,
		    .priority = (uint32_t)filter->priority);

	return bpf_tc_detach(&hook, &options);
}

static napi_value attach_clsact(napi_env env, napi_callback_info info)
{
	struct filter filter;
	struct call call;
	int program;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "programFd", &program) ||
	    !filter_read(&call, 1, &filter))
		return NULL;
	return result_number(env, filter_attach(&filter, program));
}

static napi_value detach_clsact(napi_env env, napi_callback_info info)
{
	struct filter filter;
	struct call call;

	if (!call_begin(&call, env, info) || !filter_read(&call, 0, &filter))
		return NULL;
	return result_number(env, filter_detach(&filter));
}

const struct function clsact_functions[] = {
	{"attachClsact", attach_clsact},
	{"detachClsact", detach_clsact},
	{},
};
