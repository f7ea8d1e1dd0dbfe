// SPDX-License-Identifier: Apache-2.0
/** A client that connects until it is told to stop. */
import type { Lab } from '../../lab/lab.ts'
import { startPython } from './python.ts'

export interface Connected {
  readonly count: number
  /** How many failed, by error. */
  readonly failures: Readonly<Record<string, number>>
  /** Milliseconds of the longest connect(). */
  readonly slowest: number
  /** Of each hundredth connection: the pod that answered. */
  readonly answered: Readonly<Record<string, number>>
}

const CLIENT = `
import select
addresses, pause = map(json.loads, sys.argv[1:])
count, failures, answered, slowest = 0, {}, {}, 0
say('begun')
while not select.select([sys.stdin], [], [], 0)[0]:
    address = addresses[count % len(addresses)]
    s = opened(address, SOCK_STREAM)
    # Closed by a reset: no port has to rest in TIME_WAIT.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\\1\\0\\0\\0\\0\\0\\0\\0')
    try:
        began = time.monotonic()
        s.connect((address, 80))
        slowest = max(slowest, time.monotonic() - began)
        if count % 100 == 0:
            pod = get(s)
            answered[pod] = answered.get(pod, 0) + 1
    except OSError as error:
        name = str(error)
        failures[name] = failures.get(name, 0) + 1
    s.close()
    count += 1
    if pause:
        time.sleep(pause / 1000)
say({'count': count, 'failures': failures, 'answered': answered, 'slowest': round(slowest * 1000)})
`

/**
 * Starts it in a place of the lab; each connection goes to the next address, at port 80. The function stops it.
 * @param pause milliseconds of rest after each; 0: as fast as it can.
 */
export async function startConnector(
  lab: Lab,
  where: string,
  addresses: readonly string[],
  pause = 0,
): Promise<() => Promise<Connected>> {
  const { next, tell } = startPython<string | Connected>(lab, where, CLIENT, addresses, pause)
  await next()
  return async () => {
    tell('stop')
    return (await next()) as Connected
  }
}
