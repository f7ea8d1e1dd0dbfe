/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What <linux/bpf.h> of Linux 6.1 (Debian 12's linux-libc-dev) lacks. The names
 * differ from the kernel's, so that newer headers may be used as well.
 */
#ifndef EK_UAPI_H
#define EK_UAPI_H

#include <linux/types.h>

/* enum bpf_attach_type, Linux 6.6 */
#define UAPI_TCX_INGRESS 46
#define UAPI_TCX_EGRESS	 47

/* enum bpf_link_type, Linux 6.6 */
#define UAPI_LINK_TYPE_TCX 11

/* In the union of struct bpf_link_info, Linux 6.6 */
struct uapi_link_tcx {
	__u32 ifindex;
	__u32 attach_type;
};

#endif
