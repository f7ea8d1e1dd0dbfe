/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a Maglev table: nothing of the kernel, but most of what an agent does when it starts. */
#include "argument.h"
#include "module.h"
#include "populate.h"
#include "result.h"

/* Slots of a cell; 0 when no table has this size. */
static int cell_size(const struct bytes *slots, int slot)
{
	size_t cell = slots->size / (CELLS * slot);
	bool is_whole = slots->size == cell * CELLS * slot;

	return is_whole && cell <= LARGEST_CELL && __builtin_popcountl(cell) == 1 ? cell : 0;
}

static napi_value maglev_populate(napi_env env, napi_callback_info info)
{
	struct bytes slots, walks;
	struct call call;
	int64_t count;
	int slot, size;

	if (!call_begin(&call, env, info) ||
	    !argument_bytes(&call, call.arguments[0], "slots", &slots) ||
	    !argument_bytes(&call, call.arguments[1], "walks", &walks) ||
	    !argument_integer(&call, call.arguments[2], "count", 2, MAX_WALKERS, &count))
		return NULL;
	if (walks.size < count * sizeof(struct walk)) {
		call_throw_range(&call, "walks has %zu bytes, not %zu for each of %d", walks.size,
				 sizeof(struct walk), (int)count);
		return NULL;
	}
	slot = count > NARROW_WALKERS ? 2 : 1;
	size = cell_size(&slots, slot);
	if (size == 0) {
		call_throw_range(&call, "slots has %zu bytes, not %d times a power of two up to %d",
				 slots.size, CELLS * slot, LARGEST_CELL);
		return NULL;
	}
	return result_number(env, populate(slots.data, size, walks.data, count));
}

const struct function maglev_functions[] = {
	{"maglevPopulate", maglev_populate},
	{},
};
