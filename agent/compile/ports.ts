// SPDX-License-Identifier: Apache-2.0
/** The ports of a Service that can be dialled. */
import type { Service, ServicePort } from '../objects.ts'
import type { Warn } from './warnings.ts'

/** Sources check this already, but a frontend that is written twice would be nobody's: the first one has it. */
export function usablePorts({ ports }: Service, warn: Warn): readonly ServicePort[] {
  const seen = new Set<string>()
  return ports.flatMap((port, i) => {
    const field = `spec.ports[${i}]`
    const { name, protocol } = port
    const number = claimNumber(seen, port.port, protocol, 'port')
    if (number || !claim(seen, `name ${name}/${protocol}`)) {
      warn(`${field}${number ? '.port' : '.name'}`, `${number ?? twice(`"${name}"`)}: the port is left out`)
      return []
    }
    const node = port.nodePort === 0 ? undefined : claimNumber(seen, port.nodePort, protocol, 'nodePort')
    if (node) warn(`${field}.nodePort`, `${node}: it is left out`)
    return [node ? { ...port, nodePort: 0 } : port]
  })
}

/** Undefined: it is now taken; else what is wrong. */
function claimNumber(seen: Set<string>, value: number, protocol: string, kind: string): string | undefined {
  if (!Number.isInteger(value) || value < 1 || value > 65_535) return `${value} is not a port (1 to 65535)`
  return claim(seen, `${kind} ${value}/${protocol}`) ? undefined : twice(`${value}/${protocol}`)
}

function claim(seen: Set<string>, text: string): boolean {
  if (seen.has(text)) return false
  seen.add(text)
  return true
}

function twice(value: string): string {
  return `${value} is there twice`
}
