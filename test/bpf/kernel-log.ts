// SPDX-License-Identifier: Apache-2.0
/** What the kernel logs while a test runs (/dev/kmsg): a warning of BPF or the network is a failure of ours. */
import { closeSync, constants, openSync, readSync } from 'node:fs'

const RECORD = Buffer.alloc(8192)

/** Begins behind what was logged until now; the function that it returns gives the messages since then. */
export function watchKernelLog(): () => string[] {
  const fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
  readAll(fd)
  return () => {
    const messages = readAll(fd)
    closeSync(fd)
    return messages
  }
}

function readAll(fd: number): string[] {
  const messages: string[] = []
  for (;;) {
    try {
      const length = readSync(fd, RECORD)
      messages.push(RECORD.toString('utf8', 0, length))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') return messages
      // EPIPE: the ring was overwritten; what is left follows.
      if (code !== 'EPIPE') throw error
    }
  }
}

/** Lines that tell of trouble, whoever made it. */
export function troubles(messages: readonly string[]): string[] {
  return messages.filter(message =>
    /\b(WARNING|BUG|Oops|KASAN|UBSAN|general protection|csum failure|stalls?|lockup)\b/i.test(message),
  )
}
