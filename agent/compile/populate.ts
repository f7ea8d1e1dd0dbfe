// SPDX-License-Identifier: Apache-2.0
/**
 * Who gets which slots of a Maglev table. Each backend walks through its permutation of the cells (offset, offset + skip, ... modulo
 * their number, as in the paper) and claims what is free in those that it meets, until it has its share. The paper's backends walk on
 * within their turn until they find something free; here all take one step a round, so that a cell goes to the backend that has it
 * earliest in its permutation. Shares are the same, none differs by more than one slot, but whose cell it is depends less on who else
 * is there. Nothing here depends on how many slots a cell has, but where a share ends within a cell.
 */

/**
 * A prime, so that every skip is a permutation. The more cells, the fewer choices move beyond those that must when a backend comes or
 * goes: 1.2 % with ten backends; with half the cells 1.8 %. With these, slots of 4 bits for up to 12 backends, their ids and
 * a seal fit into 11 blocks.
 */
export const CELLS = 1_303

export interface Walk {
  /** In the list that was given. */
  readonly index: number
  /** Hashes of 32 bits. */
  readonly offset: number
  readonly skip: number
}

export type Slots = Uint8Array | Uint16Array

/** Used for table after table: memory of their own would cost small tables as much as filling them. */
let walkers = newWalkers(256)
/** Cells by the square of who still walks: where it costs less to ask who would meet a cell first than to walk there. */
const FEW = 700
/** Rounds that are tried freely, by those that are free for sure. Beyond 1.8 it goes wrong too often. */
const BOLDNESS = 1.7
/** Modulo CELLS: 1 / n by n. 1 / n is -(CELLS / n) times 1 / (CELLS mod n). */
const INVERSES = new Int32Array(CELLS).fill(1)
for (let n = 2; n < CELLS; n++) INVERSES[n] = ((CELLS - Math.floor(CELLS / n)) * INVERSES[CELLS % n]!) % CELLS

/** By cell: who comes first (its round and, in the low bits, the walker), and how many slots are free. */
const first = new Int32Array(CELLS)
const left = new Int32Array(CELLS)
/** Cells that nobody has when all have walked freely. */
const open = new Int32Array(CELLS)
/** By slot, of cells that are shared: 1 for those that are taken. */
let taken = new Uint8Array(CELLS * 16)

/** Later than any round: `first` where nobody comes, with the number of walkers. */
const NEVER = 1 << 30
const WALKER_BITS = 17
const WALKER = (1 << WALKER_BITS) - 1

/** By walker, those that have their share left out. One more than there are stands for nobody. */
interface Walkers {
  readonly index: Int32Array
  /** The cell where it is. */
  readonly at: Int32Array
  readonly skip: Int32Array
  /** Decides which slots of a cell it takes first. */
  readonly order: Int32Array
  /** Slots that it has still to claim. -1: it has one of those that are left when all have their share. */
  readonly share: Int32Array
}

function newWalkers(count: number): Walkers {
  const column = () => new Int32Array(count + 1)
  return { index: column(), at: column(), skip: column(), order: column(), share: column() }
}

/** `walks`: at least two, in the order in which they take turns. */
export function populate(slots: Slots, walks: readonly Walk[]): void {
  if (walks.length === 2) duel(slots, walks)
  else walk(slots, walks)
}

function walk(slots: Slots, walks: readonly Walk[]): void {
  if (slots.length > taken.length) taken = new Uint8Array(slots.length)
  const count = walks.length
  const cell = slots.length / CELLS
  const share = Math.floor(slots.length / count)
  const opened = (cell === 1 ? tryFreely(walks, share) : 0) || walkFreely(walks, share, cell, Math.floor(share / cell))
  expand(slots, cell)
  walkOn(slots, cell, count, opened, slots.length - share * count)
}

/**
 * Where a cell is one slot: in many more rounds than those in which nobody can have its share, nobody has it, nine times out of ten.
 * Then walkOn() would have done the same in these rounds, too, but slower. Returns how many cells are open; 0: it went wrong.
 */
function tryFreely(walks: readonly Walk[], share: number): number {
  const count = walks.length
  const opened = walkFreely(walks, share, 1, Math.floor(share * BOLDNESS))
  for (let i = 0; i < count; i++) if (walkers.share[i]! < 1) return 0
  return opened * count * count > FEW ? opened : 0
}

function begin(walks: readonly Walk[], share: number): void {
  const count = walks.length
  if (count >= walkers.index.length) walkers = newWalkers(count)
  for (let i = 0; i < count; i++) {
    const { index, offset, skip } = walks[i]!
    walkers.index[i] = index
    walkers.at[i] = offset % CELLS
    walkers.skip[i] = (skip % (CELLS - 1)) + 1
    walkers.order[i] = offset
  }
  walkers.share.fill(share, 0, count)
}

/**
 * Two are the most frequent number, and need not walk: of each cell, one after the other, the steps to it are counted on by the
 * inverses of the skips. Whoever has more than its half gives up what it would meet last.
 */
function duel(slots: Slots, walks: readonly Walk[]): void {
  begin(walks, 0)
  const { index, at, skip } = walkers
  const [first, second] = [index[0]!, index[1]!]
  const [stride, otherStride] = [INVERSES[skip[0]!]! - CELLS, INVERSES[skip[1]!]! - CELLS]
  let steps = ((CELLS - at[0]!) * INVERSES[skip[0]!]!) % CELLS
  let others = ((CELLS - at[1]!) * INVERSES[skip[1]!]!) % CELLS
  let seconds = 0
  for (let cell = 0; cell < CELLS; cell++) {
    const wins = (others - steps) >>> 31
    slots[cell] = first ^ ((first ^ second) & -wins)
    seconds += wins
    steps += stride
    steps += CELLS & (steps >> 31)
    others += otherStride
    others += CELLS & (others >> 31)
  }
  if (seconds * 2 > CELLS) concede(slots, 1, seconds)
  else concede(slots, 0, CELLS - seconds)
}

/** One of two with more than half of the cells. */
function concede(slots: Slots, walker: number, has: number): void {
  const { index, at, skip } = walkers
  const [own, other] = [index[walker]!, index[1 - walker]!]
  let cell = at[walker]!
  for (let rest = has - Math.ceil(CELLS / 2); rest > 0; ) {
    cell -= skip[walker]!
    cell += CELLS & (cell >> 31)
    if (slots[cell] !== own) continue
    slots[cell] = other
    rest--
  }
}

/**
 * So many rounds without a look at shares: one walker after the other, and the earliest round decides. Returns how many cells are
 * open.
 */
function walkFreely(walks: readonly Walk[], share: number, size: number, rounds: number): number {
  const count = walks.length
  begin(walks, share)
  const { at, skip } = walkers
  const end = rounds << WALKER_BITS
  first.fill(NEVER | count)
  for (let i = 0; i < count; i++) {
    const step = skip[i]! - CELLS
    let cell = at[i]!
    for (let claim = i; claim < end; claim += 1 << WALKER_BITS) {
      const later = claim - first[cell]!
      first[cell]! += later & (later >> 31)
      cell += step
      cell += CELLS & (cell >> 31)
    }
    at[i] = cell
  }
  return settle(size)
}

/**
 * Cells that were met are their owners'. Returns how many are open. Whether one is, is a coin's toss to the processor: without a
 * branch it takes a third of the time.
 */
function settle(size: number): number {
  const { share } = walkers
  let count = 0
  for (let cell = 0; cell < CELLS; cell++) {
    const claim = first[cell]!
    const free = claim >>> 30
    share[claim & WALKER]! -= size
    left[cell] = size & -free
    open[count] = cell
    count += free
  }
  return count
}

/** Whole cells, of open ones somebody's. Tables of one slot a cell are the most frequent: a loop of their own is four times as fast. */
function expand(slots: Slots, size: number): void {
  const { index } = walkers
  if (size > 1) for (let cell = 0; cell < CELLS; cell++) fill(slots, cell * size, size, index[first[cell]! & WALKER]!)
  else for (let cell = 0; cell < CELLS; cell++) slots[cell] = index[first[cell]! & WALKER]!
}

/** A call of the array's own fill() costs as much as some twenty slots, and a loop as much as three. */
function fill(slots: Slots, from: number, count: number, index: number): void {
  if (count === 1) slots[from] = index
  else if (count > 16) slots.fill(index, from, from + count)
  else for (let slot = from; slot < from + count; slot++) slots[slot] = index
}

/**
 * Round by round, until hardly a cell is free. `spare`: slots beyond all shares, for those that meet them first, one each.
 * Steps to the last few cells would be more than half of all.
 */
function walkOn(slots: Slots, size: number, count: number, opened: number, spare: number): void {
  const { at, skip, share } = walkers
  let walking = count
  let rest = opened
  while (rest * walking * walking > FEW) {
    let done = 0
    for (let i = 0; i < walking; i++) {
      const cell = at[i]!
      const next = cell + skip[i]! - CELLS
      at[i] = next + (CELLS & (next >> 31))
      const there = left[cell]!
      if (there === 0) continue
      const room = share[i]! + (spare > 0 ? 1 : 0)
      const takes = Math.min(there, room)
      if (takes === 0) continue
      if (takes === size) claimWhole(slots, size, cell, i)
      else claimPart(slots, size, cell, i, takes)
      if (takes === there) rest--
      if (takes === room) done++
      if (takes > share[i]!) spare--
      share[i]! -= takes
    }
    if (done > 0) walking = leave(walking, spare)
  }
  if (rest > 0) finish(slots, size, walking, opened, spare)
}

function claimWhole(slots: Slots, size: number, cell: number, walker: number): void {
  left[cell] = 0
  fill(slots, cell * size, size, walkers.index[walker]!)
}

/** So many slots of a cell that has them, the first ones in the walker's own order: it is the same one whatever a cell's size. */
function claimPart(slots: Slots, size: number, cell: number, walker: number, count: number): void {
  const from = cell * size
  const index = walkers.index[walker]!
  if (left[cell] === size) taken.fill(0, from, from + size)
  left[cell]! -= count
  const order = walkers.order[walker]! >>> (Math.clz32(size) + 1)
  for (let i = 0, rest = count; rest > 0; i++) {
    const slot = from + (i ^ order)
    if (taken[slot] === 1) continue
    taken[slot] = 1
    slots[slot] = index
    rest--
  }
}

/** Those that have their share stop, when none is to spare; the others keep their order. */
function leave(walking: number, spare: number): number {
  const { index, at, skip, order, share } = walkers
  const least = spare > 0 ? 0 : 1
  let kept = 0
  for (let i = 0; i < walking; i++) {
    if (share[i]! < least) continue
    index[kept] = index[i]!
    at[kept] = at[i]!
    skip[kept] = skip[i]!
    order[kept] = order[i]!
    share[kept++] = share[i]!
  }
  return kept
}

/** What is left goes to those that would meet it first. */
function finish(slots: Slots, size: number, count: number, opened: number, spares: number): void {
  const { skip, share } = walkers
  let walking = count
  let spare = spares
  for (let i = 0; i < walking; i++) skip[i] = INVERSES[skip[i]!]!
  for (let i = 0; i < opened; i++) {
    const cell = open[i]!
    while (left[cell]! > 0) {
      const walker = nearest(cell, walking)
      const takes = Math.min(left[cell]!, share[walker]! + (spare > 0 ? 1 : 0))
      if (takes === size) claimWhole(slots, size, cell, walker)
      else claimPart(slots, size, cell, walker, takes)
      if (takes > share[walker]!) spare--
      share[walker]! -= takes
      if (share[walker]! <= 0) walking = leave(walking, spare)
    }
  }
}

/** Skips are inverse here: a walker's steps are its distance times that. */
function nearest(cell: number, walking: number): number {
  const { at, skip } = walkers
  let best = NEVER
  for (let i = 0; i < walking; i++) {
    const walked = (cell - at[i]! + CELLS) * skip[i]!
    // The remainder, without a division.
    const steps = walked - Math.floor((walked + 0.5) * (1 / CELLS)) * CELLS
    best = Math.min(best, (steps << WALKER_BITS) | i)
  }
  return best & WALKER
}
