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

const pass = 'return p && ek_packet_read(skb, p) ? ek_from_pod(skb, p) : EK_PASS;'
const lookup = 'flow = bpf_map_lookup_elem(&ek_flows, &p->tuple);\n\tif (flow) {'

/** In the order of a packet's way. None of them is a program that one could run. */
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
]

const choose = 'choose_source(skb, p, &choice, flow);'

/** Of a flow's first packet: each lets it pass after a part, in the order of its way. What was found is looked at, or the compiler would leave it out. */
export const FIRST_PARTS: readonly Variant[] = [
  { name: 'until the packet is read', edits: PARTS[1]!.edits },
  {
    name: 'until the flow is not found',
    edits: [
      {
        file: 'tc.bpf.c',
        from: lookup,
        to: lookup.replace('if (flow)', 'if (!flow)\n\t\treturn EK_PASS;\n\tif (flow)'),
      },
    ],
  },
  {
    name: 'until the frontend is found',
    edits: [
      {
        file: 'tc.bpf.c',
        from: 'if (ek_is_foreign(p))',
        to: 'return frontend->size ? EK_PASS : TC_ACT_SHOT;\n\tif (false)',
      },
    ],
  },
  {
    name: 'until the backend is chosen',
    edits: [{ file: 'forward.h', from: choose, to: `${choose}\n\t\treturn flow->daddr.w[3] ? EK_PASS : TC_ACT_SHOT;` }],
  },
  {
    name: 'all but the ring of unanswered flows',
    edits: [{ file: 'open.h', from: 'ek_opening_enter(&p->tuple, flow);', to: '' }],
  },
  { name: 'all', edits: [] },
  {
    name: 'all, in a flood',
    edits: [{ file: 'opening.h', from: 'if (ring->clear_from - opened - 1 >= slots)', to: '' }],
  },
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
