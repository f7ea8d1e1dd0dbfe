// SPDX-License-Identifier: Apache-2.0
/** evenkeel.io/forwarding, and dsr of the configuration: for what is dialled from outside and may have its backends elsewhere. */
import t from 'tap'
import { compileService } from '../../agent/compile/service.ts'
import type { Service } from '../../agent/objects.ts'
import { onNode, port, service } from './objects.ts'

function compile(given: Partial<Service>, dsr = false) {
  const all = {
    type: 'LoadBalancer',
    externalIPs: ['203.0.113.1'],
    ports: [port({ nodePort: 30_080 })],
    ...given,
  } as const
  const { ports, warnings } = compileService({ service: service(all), slices: [] }, { ...onNode(), dsr })
  const frontends = ports.flatMap(({ frontends }) => frontends)
  const direct = frontends.filter(({ forwarding }) => forwarding === 'dsr')
  return { warnings, direct: direct.map(({ kind, scope }) => `${kind} ${scope}`) }
}

const annotated = (forwarding: string) => ({ annotations: { 'evenkeel.io/forwarding': forwarding } })
const DIRECT = ['externalIP external', 'nodePort external']

t.test('who asks for it', async t => {
  const cases = [
    [{}, false, []],
    [{}, true, DIRECT],
    [annotated('dsr'), false, DIRECT],
    [annotated('snat'), true, []],
    [{ ...annotated('dsr'), externalTrafficPolicy: 'Local' }, false, []],
    [{ ...annotated('dsr'), ports: [port({ protocol: 'SCTP', nodePort: 30_080 })] }, false, []],
  ] as const
  for (const [given, dsr, wanted] of cases) {
    const { direct, warnings } = compile(given, dsr)
    t.same([direct, warnings], [wanted, []], `${JSON.stringify(given)}, dsr: ${dsr}`)
  }
})

t.test('anything else is warned about, and as if it were not there', async t => {
  const { direct, warnings } = compile(annotated('DSR'), true)
  t.same(direct, DIRECT)
  t.same(warnings, [
    'Service default/web: metadata.annotations["evenkeel.io/forwarding"]: "DSR" is neither dsr nor snat: dsr is used, as for ' +
      'Services without the annotation; write one of the two, or remove it',
  ])
  t.same(compile(annotated('')).direct, [])
})
