// SPDX-License-Identifier: Apache-2.0
/** Milliseconds of a fixed piece of work: two of them differ when the machine does something else, too. */
export function spin(): number {
  const one = () => {
    const began = performance.now()
    let hash = 0
    for (let i = 0; i < 20_000_000; i++) hash = Math.imul(hash ^ i, 0x9e3779b1)
    return hash === 1 ? 0 : performance.now() - began
  }
  one()
  return Math.min(one(), one(), one())
}
