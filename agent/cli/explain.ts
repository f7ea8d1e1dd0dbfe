// SPDX-License-Identifier: Apache-2.0
/** `evenkeel explain`: why is this Service (not) reached from here? */
import { Command } from 'commander'
import { hostPort, parseAddress } from '../address.ts'
import { dialFindings } from '../explain/dial.ts'
import { type ExplainedPort, explainPorts, type Question } from '../explain/explain.ts'
import { type Finding, note, problem } from '../explain/finding.ts'
import { notServed } from '../explain/objects.ts'
import { parseTarget, type Target } from '../explain/target.ts'
import { addressBytes } from '../kernel/address.ts'
import { askHolder } from '../kernel/exclusive.ts'
import { FrontendFlag } from '../kernel/layout.gen.ts'
import { type PinFolder, pinFolder } from '../kernel/pins.ts'
import { serviceOf } from '../reconcile/live.ts'
import type { AgentState } from '../serve/agent-state.ts'
import type { Knowledge } from '../serve/knowledge.ts'
import { bpffsOption, withDataplane } from './bpffs.ts'
import { explainedText } from './explained-text.ts'
import { type Format, outputOption, printJson, UserError } from './output.ts'
import { type LiveService, liveServices } from './services.ts'
import { absence, agentOf } from './status.ts'

interface Options {
  readonly from?: string
  readonly dial: boolean
  readonly bpffs: string
  readonly output: Format
}

/** Part of the command's interface: fields are added, not changed. */
export interface Explained {
  readonly service: string
  /** About the Service as a whole, and the agent. */
  readonly findings: readonly Finding[]
  readonly ports: readonly ExplainedPort[]
}

export function explainCommand(): Command {
  return new Command('explain')
    .description('Says whom a Service is served by on this node, and what keeps clients from being served.')
    .argument('<what>', 'NAMESPACE/NAME, NAMESPACE/NAME:PORT, or what a client dials: ADDRESS:PORT')
    .option('--from <address>', 'a client: its source ranges, affinity and connections')
    .option('--dial', 'connect to each TCP backend from this node, too', false)
    .addOption(bpffsOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      `
It asks this node's agent for the objects and the kernel for what it serves. Run it on the node of the client, or the one that was
dialled. Exit code: 0 nothing is wrong, 1 something is, 2 wrong usage.

Examples:
  evenkeel explain shop/web
  evenkeel explain shop/web:http --dial
  evenkeel explain 10.96.0.10:80 --from 192.0.2.7`,
    )
    .action(explain)
}

async function explain(what: string, { from, dial, bpffs, output }: Options): Promise<void> {
  const target = parseTarget(what)
  if (target === undefined)
    throw new UserError(`"${what}": give NAMESPACE/NAME, NAMESPACE/NAME:PORT or ADDRESS:PORT`, 2)
  const client = from === undefined ? undefined : parseAddress(from)?.text
  if (from !== undefined && client === undefined)
    throw new UserError(`--from "${from}" is not an address: a Pod's is in kubectl get pod -o wide`, 2)
  const found = questionOf(bpffs, target, client)
  const explained = typeof found === 'string' ? unknownAddress(what, found) : await explainService(bpffs, found, dial)
  if (output === 'json') printJson(explained)
  else process.stdout.write(explainedText(explained, dial))
  if (all(explained).some(({ severity }) => severity === 'problem')) process.exitCode = 1
}

function all({ findings, ports }: Explained): Finding[] {
  return [...findings, ...ports.flatMap(port => port.findings)]
}

function unknownAddress(service: string, why: string): Explained {
  return { service, findings: [problem(why, 'evenkeel services lists what is served')], ports: [] }
}

/** For an address: which Service it is, or why none. */
function questionOf(bpffs: string, target: Target, from: string | undefined): Question | string {
  if (target.kind === 'service') return { key: target.key, port: target.port, from }
  return withDataplane(bpffs, dataplane => {
    const { address, port, protocol } = target
    const bytes = addressBytes(address)
    const own = dataplane.nodeAddrs.lookup(bytes) !== undefined
    const any = address.includes(':') ? '::' : '0.0.0.0'
    const texts = [hostPort(address, port), ...(own ? [hostPort(any, port)] : [])]
    const found = liveServices(dataplane).find(({ frontend }) => {
      const [text, proto] = frontend.split('/')
      return texts.includes(text ?? '') && (protocol === undefined || protocol === proto)
    })
    if (found) return { key: serviceOf(found.service), port: String(port), from }
    const isVip = [...dataplane.frontends.entries()].some(
      ([key, { flags }]) => flags & FrontendFlag.ADDRESS && Buffer.compare(key.addr, bytes) === 0,
    )
    if (isVip)
      return `the address is a Service's, but no Service has this port there: clients are refused (NO_SUCH_PORT)`
    return 'no Service is served at this address and port: packets go on as if we were not there'
  })
}

async function explainService(bpffs: string, question: Question, dial: boolean): Promise<Explained> {
  const folder = pinFolder(bpffs)
  const { key } = question
  const agent = await agentOf(bpffs)
  const answer = await askHolder(folder, `service ${key}`)
  const known: Knowledge | undefined = agent && answer ? JSON.parse(answer) : undefined
  const { ports, live } = withDataplane(bpffs, dataplane => {
    const live = liveServices(dataplane).filter(({ service }) => serviceOf(service) === key)
    return { live, ports: explainPorts(question, { dataplane, folder, live, known }) }
  })
  const findings = [...agentFindings(agent, folder), ...serviceFindings(question, known, ports, live)]
  return { service: key, findings, ports: dial ? await Promise.all(ports.map(withDials)) : ports }
}

async function withDials(port: ExplainedPort): Promise<ExplainedPort> {
  if (!port.name.endsWith('/TCP')) return port
  const backends = [...new Set(port.frontends.flatMap(({ backends }) => backends))]
  return { ...port, findings: [...port.findings, ...(await dialFindings(backends))] }
}

function agentFindings(agent: AgentState | null, folder: PinFolder): Finding[] {
  if (agent === null)
    return [
      problem(
        `the agent ${absence(folder.path)}. What the kernel serves stays as it was, and nobody knows the objects`,
        'Start it, or see its log',
      ),
    ]
  if (!agent.sourceReadable)
    return [problem('the agent can not read its source: what is above may be old', 'evenkeel status has the reason')]
  return agent.healthy
    ? []
    : [problem('changes wait to be applied: what is above may be old', 'See the log of the agent')]
}

/** What another Service would like to have of this one's harms nobody here. */
function complaint(line: string, key: string): Finding {
  return line.includes(` belongs to Service ${key},`)
    ? note(line, 'This Service keeps it')
    : problem(line, 'Change the object')
}

function serviceFindings(
  { key, port }: Question,
  known: Knowledge | undefined,
  ports: readonly ExplainedPort[],
  live: readonly LiveService[],
): Finding[] {
  const complaints = (known?.complaints ?? []).map(line => complaint(line, key))
  if (known === undefined)
    return live.length > 0 ? [] : [problem(`the kernel serves no Service ${key}`, 'Start the agent')]
  const { view, similar, context } = known
  if (view === null) {
    const hint = similar.length > 0 ? `There are ${similar.join(', ')}` : 'evenkeel services lists what is served'
    return [
      problem(`the agent knows no Service ${key}`, `${hint}. Services with another proxy's label are not read`),
      ...complaints,
    ]
  }
  const others = notServed(view.service, context)
  if (others !== undefined) return [others, ...complaints]
  if (ports.length > 0) return complaints
  const has = view.service.ports.map(
    ({ name, port, protocol }) => `${name === '' ? '' : `${name} `}${port}/${protocol}`,
  )
  return [problem(`it has no port ${port}: it has ${has.join(', ')}`, 'Dial one of these'), ...complaints]
}
