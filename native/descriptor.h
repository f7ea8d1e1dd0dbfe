/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors. The bridge remembers which it has handed out and closes no
 * others: to close a descriptor of Node's own, or one whose number was given
 * to something else meanwhile, would bring the process down or cut a connection.
 */
#ifndef EK_DESCRIPTOR_H
#define EK_DESCRIPTOR_H

#include <stdbool.h>

#include <node_api.h>

/* A new descriptor as a result, or its -errno. */
napi_value result_descriptor(napi_env env, int fd);

enum descriptor_kind {
	DESCRIPTOR_OTHER,
	DESCRIPTOR_MAP,
	DESCRIPTOR_PROGRAM,
	DESCRIPTOR_LINK,
};

/*
 * What is behind a descriptor. BPF_OBJ_GET_INFO_BY_FD doesn't tell: it fills in
 * the info of whatever is there.
 */
enum descriptor_kind descriptor_kind(int fd);

#endif
