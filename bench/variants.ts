// SPDX-License-Identifier: Apache-2.0
/** Other builds of bpf/, each with some lines changed: what a packet saves when a part is not there is what the part costs. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const BPF = join(import.meta.dirname, '../bpf')

export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface Variant {
  readonly name: string
  readonly edits: readonly Edit[]
}

/** Of one map in maps.h. */
function flowsType(type: string): Edit {
  const tail = '\n\t__uint(max_entries, 262144);\n\t__type(key, struct ek_tuple);'
  return { file: 'maps.h', from: `__uint(type, BPF_MAP_TYPE_LRU_HASH);${tail}`, to: `${type}${tail}` }
}

export const NO_COMMON_LRU: Variant = {
  name: 'all, with BPF_F_NO_COMMON_LRU',
  edits: [flowsType('__uint(type, BPF_MAP_TYPE_LRU_HASH);\n\t__uint(map_flags, BPF_F_NO_COMMON_LRU);')],
}

const pass = 'return p && ek_packet_read(skb, p) ? ek_from_pod(skb, p) : EK_PASS;'
const lookup = 'flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);\n\tif (flow) {'

/** In the order of a packet's way. None of them but the maps' is a program that one could run. */
export const PARTS: readonly Variant[] = [
  { name: 'only the start', edits: [{ file: 'tc.bpf.c', from: pass, to: 'return p ? EK_PASS : EK_PASS;' }] },
  {
    name: 'only reading the packet',
    edits: [{ file: 'tc.bpf.c', from: pass, to: 'return p && ek_packet_read(skb, p) ? EK_PASS : EK_PASS;' }],
  },
  {
    name: 'only reading and finding the flow',
    edits: [{ file: 'tc.bpf.c', from: lookup, to: `${lookup}\n\t\treturn EK_PASS;` }],
  },
  {
    name: 'all but the clock',
    edits: [{ file: 'flow.h', from: 'if (same && tick == flow->tick)', to: 'if (same)' }],
  },
  {
    name: 'all but counters',
    edits: [{ file: 'forward.h', from: 'ek_count_packet(service, skb->len - p->l3);', to: '' }],
  },
  {
    name: 'all but writing and sums',
    edits: [{ file: 'forward.h', from: 'if (ek_rewrite(skb, p, &to))', to: 'if (false)' }],
  },
  {
    name: 'all but the sum',
    edits: [{ file: 'nat.h', from: 'ek_csum_write(check, summed, addr_difference, port_difference);', to: '' }],
  },
  NO_COMMON_LRU,
]

const begun = 'flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);'

/** Of the XDP program: the first pass the packet on after a part, in the order of its way. */
export const XDP_PARTS: readonly Variant[] = [
  { name: 'only reading the packet', edits: [{ file: 'xdp.bpf.c', from: begun, to: `return XDP_PASS;\n\t${begun}` }] },
  {
    name: 'only reading and finding the flow',
    edits: [{ file: 'xdp.bpf.c', from: begun, to: `${begun}\n\tif (flow)\n\t\treturn XDP_PASS;` }],
  },
  {
    name: 'all that, and the way',
    edits: [{ file: 'xdp.bpf.c', from: 'if (!way || action == XDP_PASS)', to: 'if (!way || action)' }],
  },
  {
    name: 'all, asking for the way each time',
    edits: [{ file: 'way.h', from: 'if (ek_way_leads(', to: 'if (false && ek_way_leads(' }],
  },
]

/** Whether the sources still have what it changes. */
export function applies({ edits }: Variant): boolean {
  return edits.every(({ file, from }) => readFileSync(join(BPF, file), 'utf8').includes(from))
}

let scratch: string | undefined

/** A folder that lives as long as this process. */
function folderOf(name: string): string {
  if (scratch === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'evenkeel-bench-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    scratch = made
  }
  return join(scratch, name.replaceAll(' ', '-'))
}

/** Compiles, and gives the object's path. Throws when an edit has nothing to change. */
export function build(variant: Variant, object = 'tc'): string {
  if (!applies(variant)) throw new Error(`variant "${variant.name}" does not fit bpf/ any more: mend bench/variants.ts`)
  const folder = folderOf(variant.name)
  cpSync(BPF, folder, { recursive: true, filter: path => !path.startsWith(join(BPF, 'build')) })
  for (const { file, from, to } of variant.edits) {
    const path = join(folder, file)
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(from, to))
  }
  // -w: functions that nobody calls any more are no mistake here.
  const argv = ['-s', '-C', folder, 'CLANG=clang -w', `build/${object}.bpf.o`]
  execFileSync('make', argv, { stdio: ['ignore', 'ignore', 'inherit'] })
  return join(folder, `build/${object}.bpf.o`)
}
