/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets which slots of a Maglev table (Eisenbud et al., NSDI 2016, section 3.4;
 * agent/compile/maglev.ts tells of its cells). Each backend walks through its
 * permutation of the cells (offset, offset + skip, ... modulo their number) and
 * claims what is free in those that it meets, until it has its share. The paper's
 * backends walk on within their turn until they find something free; here all take
 * one step a round, so that a cell goes to the backend that has it earliest in its
 * permutation. Shares are the same, none differs by more than one slot, but whose
 * cell it is depends less on who else is there. Nothing here depends on how many
 * slots a cell has, but where a share ends within a cell.
 *
 * Not in JavaScript, where it was the largest part of an agent's start: a table of
 * ten backends took 17 us, here it takes 10.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "populate.h"

/*
 * Cells by the square of who still walks: where it costs less to ask who would
 * meet a cell first than to walk there. Tables depend on it.
 */
#define FEW 700

/* A claim: the round, and in the low bits the walker. The least one was first. */
#define WALKER_BITS 17
#define WALKER	    ((1 << WALKER_BITS) - 1)
/* Later than any round. */
#define NEVER (1 << 30)

struct walker {
	int32_t at; /* the cell where it is */
	int32_t skip;
	int32_t share;	/* slots that it has still to claim; -1: it has one that was to spare */
	uint32_t order; /* decides which slots of a cell it takes first */
	uint32_t index; /* what is written into its slots */
};

struct table {
	uint8_t *slots;
	bool wide; /* slots have two bytes */
	int size;  /* slots of a cell */
	int count; /* walkers, without those that have their share */
	int spare; /* slots beyond all shares, for those that meet them first, one each */
	int opened;
	int32_t first[CELLS];	/* who comes first: a claim */
	uint16_t left[CELLS];	/* free slots */
	uint16_t open[CELLS];	/* those that nobody has when all have walked freely */
	uint8_t *taken;		/* by slot, of cells that are shared */
	struct walker *walkers; /* one more than there are stands for nobody */
};

/* `walks` may lie anywhere. */
static void begin(struct table *table, const uint8_t *walks, int share)
{
	struct walk walk;

	for (int i = 0; i < table->count; i++) {
		memcpy(&walk, walks + i * sizeof(walk), sizeof(walk));
		table->walkers[i] = (struct walker){
			.at = walk.offset % CELLS,
			.skip = walk.skip % (CELLS - 1) + 1,
			.share = share,
			.order = walk.offset,
			.index = walk.index,
		};
	}
	table->walkers[table->count] = (struct walker){};
}

static int step(int cell, int skip)
{
	int next = cell + skip, wrapped = next - CELLS;

	return wrapped < 0 ? next : wrapped;
}

/* 1 / number modulo CELLS, by Fermat's little theorem. */
static int inverse(uint32_t number)
{
	uint32_t result = 1;

	for (int bits = CELLS - 2; bits; bits >>= 1) {
		if (bits & 1)
			result = result * number % CELLS;
		number = number * number % CELLS;
	}
	return result;
}

static void fill(struct table *table, int from, int count, uint16_t index)
{
	if (!table->wide)
		memset(table->slots + from, index, count);
	else
		for (int slot = from; slot < from + count; slot++)
			memcpy(table->slots + slot * sizeof(index), &index, sizeof(index));
}

/*
 * Cells that were met are their owners'. Whether one is, is a coin's toss to the
 * processor: so there is no branch.
 */
static void settle(struct table *table)
{
	struct walker *walkers = table->walkers;
	int size = table->size, opened = 0;

	for (int cell = 0; cell < CELLS; cell++) {
		int claim = table->first[cell], is_free = claim >= NEVER;

		walkers[claim & WALKER].share -= size;
		table->left[cell] = is_free * size;
		table->open[opened] = cell;
		opened += is_free;
	}
	table->opened = opened;
}

/*
 * So many rounds without a look at shares: one walker after the other, and the
 * earliest round decides.
 */
static void walk_freely(struct table *table, const uint8_t *walks, int share, int rounds)
{
	begin(table, walks, share);
	for (int cell = 0; cell < CELLS; cell++)
		table->first[cell] = NEVER | table->count;
	for (int i = 0; i < table->count; i++) {
		int cell = table->walkers[i].at, skip = table->walkers[i].skip;

		for (int claim = i; claim < rounds << WALKER_BITS; claim += 1 << WALKER_BITS) {
			int known = table->first[cell];

			table->first[cell] = known < claim ? known : claim;
			cell = step(cell, skip);
		}
		table->walkers[i].at = cell;
	}
	settle(table);
}

/*
 * Where a cell is one slot: in 1.7 times as many rounds as those in which nobody
 * can have its share, nobody has it, nine times out of ten. Then walk_on() would
 * have done the same in these rounds, too, but slower.
 */
static bool try_freely(struct table *table, const uint8_t *walks, int share)
{
	walk_freely(table, walks, share, share * 17 / 10);
	for (int i = 0; i < table->count; i++)
		if (table->walkers[i].share < 1)
			return false;
	return (int64_t)table->opened * table->count * table->count > FEW;
}

/* Whole cells, of open ones somebody's. Most tables have one slot a cell: they have their own loop.
 */
static void expand(struct table *table)
{
	const struct walker *walkers = table->walkers;
	uint8_t *slots = table->slots;

	if (table->size > 1 || table->wide)
		for (int cell = 0; cell < CELLS; cell++)
			fill(table, cell * table->size, table->size,
			     walkers[table->first[cell] & WALKER].index);
	else
		for (int cell = 0; cell < CELLS; cell++)
			slots[cell] = walkers[table->first[cell] & WALKER].index;
}

/*
 * So many slots of a shared cell, the first ones in the walker's own order: it is
 * the same one whatever a cell's size.
 */
static void claim_part(struct table *table, int cell, const struct walker *walker, int count)
{
	uint32_t order = walker->order >> (__builtin_clz(table->size) + 1);
	int from = cell * table->size;

	if (table->left[cell] == table->size)
		memset(table->taken + from, 0, table->size);
	for (int i = 0, rest = count; rest > 0; i++) {
		int slot = from + (i ^ order);

		if (table->taken[slot])
			continue;
		table->taken[slot] = 1;
		fill(table, slot, 1, walker->index);
		rest--;
	}
}

/* As much of a cell as is free and the walker may have. Returns how many slots. */
static int claim(struct table *table, int cell, struct walker *walker)
{
	int left = table->left[cell], room = walker->share + (table->spare > 0);
	int takes = left < room ? left : room;

	if (takes == 0)
		return 0;
	if (takes == table->size)
		fill(table, cell * table->size, table->size, walker->index);
	else
		claim_part(table, cell, walker, takes);
	table->left[cell] -= takes;
	table->spare -= takes > walker->share;
	walker->share -= takes;
	return takes;
}

/* Those that may have no more stop; the others keep their order. */
static void leave(struct table *table)
{
	int least = table->spare > 0 ? 0 : 1, kept = 0;

	for (int i = 0; i < table->count; i++)
		if (table->walkers[i].share >= least)
			table->walkers[kept++] = table->walkers[i];
	table->count = kept;
}

/* Who would meet a cell first. Skips are inverse here: steps are distance times that. */
static struct walker *nearest(const struct table *table, int cell)
{
	int best = NEVER;

	for (int i = 0; i < table->count; i++) {
		uint32_t distance = cell - table->walkers[i].at + CELLS;
		int steps = distance * table->walkers[i].skip % CELLS;
		int claim = steps << WALKER_BITS | i;

		best = claim < best ? claim : best;
	}
	return &table->walkers[best & WALKER];
}

/*
 * What is left goes to those that would meet it first: steps to the last few cells
 * would be more than half of all.
 */
static void finish(struct table *table)
{
	for (int i = 0; i < table->count; i++)
		table->walkers[i].skip = inverse(table->walkers[i].skip);
	for (int i = 0; i < table->opened; i++)
		while (table->left[table->open[i]] > 0) {
			struct walker *walker = nearest(table, table->open[i]);

			claim(table, table->open[i], walker);
			if (walker->share <= 0)
				leave(table);
		}
}

/* Round by round, until hardly a cell is free. */
static void walk_on(struct table *table)
{
	int64_t rest = table->opened;

	while (rest * table->count * table->count > FEW) {
		bool done = false;

		for (struct walker *walker = table->walkers, *end = walker + table->count;
		     walker < end; walker++) {
			int cell = walker->at;

			walker->at = step(cell, walker->skip);
			if (table->left[cell] == 0 || claim(table, cell, walker) == 0)
				continue;
			rest -= table->left[cell] == 0;
			done |= walker->share + (table->spare > 0) <= 0;
		}
		if (done)
			leave(table);
	}
	if (rest > 0)
		finish(table);
}

/* One of two, with more than half of the cells, gives up what it would meet last. */
static void concede(struct table *table, const struct walker *walker, const struct walker *other,
		    int has)
{
	int cell = walker->at;

	for (int rest = has - (CELLS + 1) / 2; rest > 0;) {
		cell = step(cell, CELLS - walker->skip);
		if (table->slots[cell] != (uint8_t)walker->index)
			continue;
		table->slots[cell] = other->index;
		rest--;
	}
}

/*
 * Two are the most frequent number, and need not walk: of each cell, one after the
 * other, the steps to it are counted on by the inverses of the skips.
 */
static void duel(struct table *table, const uint8_t *walks)
{
	const struct walker *one = &table->walkers[0], *two = &table->walkers[1];
	int stride, other_stride, steps, others, seconds = 0;
	uint8_t *slots = table->slots, index, other_index;

	begin(table, walks, 0);
	index = one->index;
	other_index = two->index;
	stride = inverse(one->skip);
	other_stride = inverse(two->skip);
	steps = (CELLS - one->at) * stride % CELLS;
	others = (CELLS - two->at) * other_stride % CELLS;
	for (int cell = 0; cell < CELLS; cell++) {
		int wins = others < steps;

		slots[cell] = wins ? other_index : index;
		seconds += wins;
		steps = step(steps, stride);
		others = step(others, other_stride);
	}
	if (seconds * 2 > CELLS)
		concede(table, two, one, seconds);
	else
		concede(table, one, two, CELLS - seconds);
}

static void walk(struct table *table, const uint8_t *walks)
{
	int share = CELLS * table->size / table->count;

	if (table->size > 1 || !try_freely(table, walks, share))
		walk_freely(table, walks, share, share / table->size);
	expand(table);
	walk_on(table);
}

int populate(uint8_t *slots, int size, const uint8_t *walks, int count)
{
	size_t walkers = (count + 1) * sizeof(struct walker);
	struct table table;

	table.walkers = malloc(walkers + CELLS * size);
	if (!table.walkers)
		return -ENOMEM;
	table.taken = (uint8_t *)table.walkers + walkers;
	table.slots = slots;
	table.wide = count > NARROW_WALKERS;
	table.size = size;
	table.count = count;
	table.spare = CELLS * size % count;
	if (count == 2 && size == 1)
		duel(&table, walks);
	else
		walk(&table, walks);
	free(table.walkers);
	return 0;
}
