// SPDX-License-Identifier: Apache-2.0
/** What becomes of a datagram that may pass so many routers and no more. */
import type { Lab } from '../../lab/lab.ts'

/**
 * Prints a line for each number of hops from 1 on: "answer", or the error that came back and who sent it. IP_RECVERR is 11, IPV6_RECVERR
 * 25 (ip(7), ipv6(7)); struct sock_extended_err has 16 bytes, behind it is the address of who complains.
 */
const SEND = `
import errno, socket, sys
address, port, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
six = ':' in address
level, hops, errors = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 25) if six else (socket.IPPROTO_IP, socket.IP_TTL, 11)
for allowed in range(1, most + 1):
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(level, hops, allowed)
    sock.setsockopt(level, errors, 1)
    sock.settimeout(2)
    sock.connect((address, port))
    sock.send(b'ping')
    try:
        sock.recv(2000)
        print('answer')
    except socket.timeout:
        print('nothing')
    except OSError as error:
        data, ancillary, flags, to = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
        of = ancillary[0][2][16:]
        sender = socket.inet_ntop(socket.AF_INET6, of[8:24]) if six else socket.inet_ntop(socket.AF_INET, of[4:8])
        print(errno.errorcode[error.errno], sender)
`

/** By number of hops, from 1 to `most`: "answer", "nothing" or "EHOSTUNREACH 10.0.0.1". */
export async function withFewHops(
  lab: Lab,
  from: string,
  to: { readonly address: string; readonly port: number },
  most: number,
): Promise<string[]> {
  const argv = ['python3', '-c', SEND, to.address, String(to.port), String(most)]
  const { stdout, stderr } = await lab.exec(from, argv)
  if (stderr) throw new Error(stderr)
  return stdout.trim().split('\n')
}
