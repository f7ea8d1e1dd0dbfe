// SPDX-License-Identifier: Apache-2.0
/** Frames put on a client's wire as they are, and what comes back. */
import type { Cluster } from './fixture.ts'

/** Sends frames from a device as they are; prints IP packets that arrive at it until so many seconds have gone. In hexadecimal. */
const EXCHANGE = `
import select, socket, sys, time
device, seconds = sys.argv[1], float(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((device, 0))
for line in sys.stdin:
    wire.send(bytes.fromhex(line.strip()))
end = time.monotonic() + seconds
while select.select([wire], [], [], max(0, end - time.monotonic()))[0]:
    frame, origin = wire.recvfrom(65535)
    if origin[2] != 4 and frame[12:14] in (b'\\x08\\x00', b'\\x86\\xdd'):
        print(frame.hex())
`

export async function exchange(
  { lab }: Cluster,
  where: string,
  frames: readonly Buffer[],
  seconds: number,
): Promise<Buffer[]> {
  const input = frames.map(frame => frame.toString('hex')).join('\n')
  const { code, stdout, stderr } = await lab.exec(where, ['python3', '-c', EXCHANGE, 'eth0', String(seconds)], {
    input,
  })
  if (code !== 0) throw new Error(stderr)
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => Buffer.from(line, 'hex'))
}

/** The MAC address of a place's device. */
export async function macOf({ lab }: Cluster, where: string, device = 'eth0'): Promise<string> {
  const { stdout } = await lab.exec(where, ['ip', '-j', 'link', 'show', 'dev', device])
  return JSON.parse(stdout)[0].address
}
