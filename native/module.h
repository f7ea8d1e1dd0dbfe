/* SPDX-License-Identifier: Apache-2.0 */
/* What each file gives to JavaScript. Each table ends with a NULL name. */
#ifndef EK_MODULE_H
#define EK_MODULE_H

#include <node_api.h>

struct function {
	const char *name;
	napi_callback call;
};

extern const struct function object_functions[];
extern const struct function object_map_functions[];
extern const struct function object_program_functions[];
extern const struct function elf_functions[];
extern const struct function descriptor_functions[];
extern const struct function info_functions[];
extern const struct function map_functions[];
extern const struct function batch_functions[];
extern const struct function mmap_functions[];
extern const struct function link_functions[];
extern const struct function clsact_functions[];
extern const struct function watch_functions[];
extern const struct function ring_functions[];
extern const struct function testrun_functions[];
extern const struct function netlink_functions[];
extern const struct function netns_functions[];
extern const struct function maglev_functions[];

#endif
