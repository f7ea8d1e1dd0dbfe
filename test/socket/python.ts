// SPDX-License-Identifier: Apache-2.0
/** Clients in Python: its sockets are the kernel's, call by call. */
import { createInterface } from 'node:readline'
import { failed } from '../../lab/command.ts'
import type { Lab } from '../../lab/lab.ts'

/** say(VALUE) tells the test; family('fd00::1') and ended(CALL) are for short scripts. */
const PRELUDE = `
import errno, json, os, socket, sys, time
from socket import AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM

def say(value):
    print(json.dumps(value), flush=True)

def family(address):
    return AF_INET6 if ':' in address else AF_INET

def opened(address, kind):
    s = socket.socket(family(address), kind)
    s.settimeout(5)
    return s

def ended(call, *arguments):
    """How a call ended, and after how many ms."""
    began = time.monotonic()
    try:
        call(*arguments)
        name = 'OK'
    except socket.timeout:
        name = 'ETIMEDOUT'
    except OSError as error:
        name = errno.errorcode[error.errno]
    return [name, round((time.monotonic() - began) * 1000, 3)]

def get(s):
    """The pod that answers an HTTP request on a connection."""
    s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
    answer = b''
    while chunk := s.recv(65536):
        answer += chunk
    return answer.split()[-1].decode()
`

function argv(script: string, values: readonly unknown[]): string[] {
  return ['python3', '-c', PRELUDE + script, ...values.map(value => JSON.stringify(value))]
}

/** Runs a script; its arguments are in sys.argv[1:] as JSON. Gives what it said. */
export async function python<T>(lab: Lab, where: string, script: string, ...values: readonly unknown[]): Promise<T[]> {
  const result = await lab.exec(where, argv(script, values), { timeout: 60_000 })
  if (result.code !== 0) throw failed('the Python client', result)
  return result.stdout
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line))
}

export interface Running<T> {
  /** What it says next; undefined when it has ended. */
  next(): Promise<T | undefined>
  /** Writes a line to its standard input. */
  tell(line: string): void
}

/** Starts a script that the test talks with. */
export function startPython<T>(lab: Lab, where: string, script: string, ...values: readonly unknown[]): Running<T> {
  const child = lab.spawn(where, argv(script, values), { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return {
    async next() {
      const { value, done } = await lines.next()
      return done ? undefined : JSON.parse(value)
    },
    tell: line => void child.stdin!.write(`${line}\n`),
  }
}
