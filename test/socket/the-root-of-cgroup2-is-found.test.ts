// SPDX-License-Identifier: Apache-2.0
import { statfsSync } from 'node:fs'
import t from 'tap'
import { MismatchError } from '../../agent/kernel/mismatch.ts'
import { cgroupRoot } from '../../agent/kernel/mounts.ts'

/** CGROUP2_SUPER_MAGIC of <linux/magic.h>. */
const CGROUP2 = 0x63677270
const PROC = 'proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0'

t.test('unified', t => {
  t.equal(cgroupRoot(`${PROC}\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n`), '/sys/fs/cgroup')
  t.end()
})

t.test('hybrid: beside the folders of version 1', t => {
  const mounts = [
    PROC,
    'tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0',
    'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nosuid,nodev,noexec,relatime 0 0',
    'cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,nodev,noexec,relatime,memory 0 0',
  ]
  t.equal(cgroupRoot(mounts.join('\n')), '/sys/fs/cgroup/unified')
  t.end()
})

t.test('of several the first', t => {
  const mounts = ['cgroup2 /sys/fs/cgroup cgroup2 rw 0 0', 'none /run/other/cgroupv2 cgroup2 rw 0 0']
  t.equal(cgroupRoot(mounts.join('\n')), '/sys/fs/cgroup')
  t.end()
})

t.test('a name that looks like it is not enough, and spaces are read', t => {
  const mounts = ['cgroup2 /srv/cgroup2 ext4 rw 0 0', 'none /mnt/my\\040cgroups cgroup2 rw 0 0']
  t.equal(cgroupRoot(mounts.join('\n')), '/mnt/my cgroups')
  t.end()
})

t.test('none: the error says what to do', t => {
  t.throws(() => cgroupRoot(`${PROC}\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0`), {
    name: MismatchError.name,
    message: /no cgroup2.*mount -t cgroup2/s,
  })
  t.end()
})

t.test('this machine has one', t => {
  t.equal(statfsSync(cgroupRoot()).type, CGROUP2)
  t.end()
})
