/* SPDX-License-Identifier: Apache-2.0 */
/* The entry point: puts every function on the module's exports. */
#include "module.h"

#include "log.h"

static const struct function *const tables[] = {
	object_functions, object_map_functions, object_program_functions,
	elf_functions,	  descriptor_functions, info_functions,
	map_functions,	  batch_functions,	mmap_functions,
	link_functions,	  clsact_functions,	watch_functions,
	ring_functions,	  testrun_functions,	netlink_functions,
	netns_functions,  maglev_functions,
};

static napi_status export_function(napi_env env, napi_value exports,
				   const struct function *function)
{
	napi_property_descriptor descriptor = {
		.utf8name = function->name,
		.method = function->call,
		.attributes = napi_enumerable,
		/* call_begin reads it: messages begin with the function's name. */
		.data = (void *)function->name,
	};

	return napi_define_properties(env, exports, 1, &descriptor);
}

NAPI_MODULE_INIT()
{
	log_begin();
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct function *function = tables[i]; function->name; function++)
			if (export_function(env, exports, function) != napi_ok)
				return NULL;
	return exports;
}
