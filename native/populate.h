/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets which slots of a Maglev table. */
#ifndef EK_POPULATE_H
#define EK_POPULATE_H

#include <stdint.h>

/*
 * A prime, so that every skip is a permutation. The more cells, the fewer choices
 * move beyond those that must when a backend comes or goes: 1.2 % with ten
 * backends; with half the cells 1.8 %. With these, slots of 4 bits for up to 12
 * backends, their ids and a seal fit into 11 blocks.
 */
#define CELLS	     1303
#define LARGEST_CELL 1024
#define MAX_WALKERS  65536
/* Slots have one byte for as many, else two. */
#define NARROW_WALKERS 256

/* How a walker is given: two hashes, and what its slots get. */
struct walk {
	uint32_t offset, skip, index;
};

/*
 * CELLS * size slots, size a power of two. At `walks`, which may lie anywhere, is a
 * struct walk for each of 2 and more, in the order in which they take turns. 0 or
 * -ENOMEM.
 */
int populate(uint8_t *slots, int size, const uint8_t *walks, int count);

#endif
