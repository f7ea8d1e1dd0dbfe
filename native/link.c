/* SPDX-License-Identifier: Apache-2.0 */
/* Links: attachments that live as long as their descriptor or their pin. */
#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "argument.h"
#include "descriptor.h"
#include "module.h"
#include "result.h"
#include "uapi.h"

/* Linux 6.6. libbpf 1.1 doesn't know these attach types and passes them on as they are. */
static napi_value attach_tcx(napi_env env, napi_callback_info info)
{
	struct call call;
	int64_t type;
	int program, ifindex;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "programFd", &program) ||
	    !argument_ifindex(&call, call.arguments[1], "ifindex", &ifindex) ||
	    !argument_integer(&call, call.arguments[2], "attachType", UAPI_TCX_INGRESS,
			      UAPI_TCX_EGRESS, &type))
		return NULL;
	return result_descriptor(
		env, bpf_link_create(program, ifindex, (enum bpf_attach_type)type, NULL));
}

/* Linux 5.9 */
static napi_value attach_xdp(napi_env env, napi_callback_info info)
{
	struct call call;
	uint32_t flags;
	int program, ifindex;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "programFd", &program) ||
	    !argument_ifindex(&call, call.arguments[1], "ifindex", &ifindex) ||
	    !argument_flags(&call, call.arguments[2], "flags", &flags))
		return NULL;
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	return result_descriptor(env, bpf_link_create(program, ifindex, BPF_XDP, &options));
}

/* Linux 5.7 */
static napi_value attach_cgroup(napi_env env, napi_callback_info info)
{
	struct call call;
	int program, cgroup;
	int64_t type;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "programFd", &program) ||
	    !argument_fd(&call, call.arguments[1], "cgroupFd", &cgroup) ||
	    !argument_integer(&call, call.arguments[2], "attachType", 0, INT32_MAX, &type))
		return NULL;
	return result_descriptor(
		env, bpf_link_create(program, cgroup, (enum bpf_attach_type)type, NULL));
}

static napi_value link_update(napi_env env, napi_callback_info info)
{
	struct call call;
	int link, program;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "linkFd", &link) ||
	    !argument_fd(&call, call.arguments[1], "programFd", &program))
		return NULL;
	return result_number(env, bpf_link_update(link, program, NULL));
}

/* Linux 5.9 */
static napi_value link_detach(napi_env env, napi_callback_info info)
{
	struct call call;
	int link;

	if (!call_begin(&call, env, info) ||
	    !argument_fd(&call, call.arguments[0], "linkFd", &link))
		return NULL;
	return result_number(env, bpf_link_detach(link));
}

const struct function link_functions[] = {
	{"attachTcx", attach_tcx},   {"attachXdp", attach_xdp},	  {"attachCgroup", attach_cgroup},
	{"linkUpdate", link_update}, {"linkDetach", link_detach}, {},
};
