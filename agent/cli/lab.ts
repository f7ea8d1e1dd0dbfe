// SPDX-License-Identifier: Apache-2.0
/** `evenkeel lab`: a cluster in network namespaces of this machine, to try things out. */
import { accessSync, constants } from 'node:fs'
import { Command, Option } from 'commander'
import { readConfiguration } from '../../lab/agents.ts'
import { ended } from '../../lab/command.ts'
import { LabError } from '../../lab/error.ts'
import { openLab } from '../../lab/lab.ts'
import { checkLabName } from '../../lab/names.ts'
import { isAlive } from '../../lab/process.ts'
import { labNames, readState } from '../../lab/state.ts'
import { allStatuses, type LabStatus, labStatus } from '../../lab/status.ts'
import { tearDown } from '../../lab/teardown.ts'
import { type Format, outputOption, printJson, printTable, UserError } from './output.ts'

const DEFAULT_NAME = 'lab'

interface UpOptions {
  readonly file?: readonly string[]
  readonly name: string
  readonly agents: boolean
  readonly config?: string
  readonly kubeconfig?: string
}

export async function labCommand(): Promise<Command> {
  const lab = new Command('lab')
    .description(
      'A cluster in network namespaces of this machine: nodes, pods, clients outside, an agent per node. Needs root.',
    )
    .addHelpText('after', EXAMPLES)
  for (const command of [
    upCommand(),
    execCommand(),
    statusCommand(),
    addPodCommand(),
    removePodCommand(),
    downCommand(),
  ])
    lab.addCommand(command.exitOverride())
  return lab
}

const EXAMPLES = `
Examples:
  evenkeel lab up                                      two nodes, a client, three pods that answer with their names
  evenkeel lab up -f examples/                         with Services and Pods of your own
  evenkeel lab exec node1/client -- curl -s 10.244.2.2:9376
  evenkeel lab exec node1 -- evenkeel status           the agent of node1
  evenkeel lab exec outside -- ping -c 1 172.31.0.1    from outside of the cluster
  evenkeel lab add-pod web-1 --node node2 --label app=web --serve
  evenkeel lab status -o json
  evenkeel lab down

Exit codes: 0 done, 1 failed, 2 wrong usage; exec gives that of its command.`

function upCommand(): Command {
  return new Command('up')
    .description('Make a lab and keep it until "lab down".')
    .option('-f, --file <path>', 'manifests, or a folder of them; may hold a LabTopology (repeatable)', gather)
    .option('--name <name>', 'name of the lab; several live side by side', DEFAULT_NAME)
    .option('--no-agents', 'run no agents: pods and network only')
    .option('--config <file>', "base of the agents' configuration")
    .option('--kubeconfig <file>', 'the agents read this API server, at an address of the lab, not the manifests')
    .addHelpText('after', UP_HELP)
    .action((options: UpOptions) => translateErrors(() => up(options)))
}

const UP_HELP = `
A topology, with all that it can say (two nodes and a client outside are the default):
  apiVersion: evenkeel.io/v1alpha1
  kind: LabTopology
  networks: [{ name: fabric, mtu: 1500 }, { name: back }]   nodes are on all of them, unless they name some
  podNetwork: fabric                                        over which nodes reach each other's pods
  nodes:
    - { name: node1, zone: zone-a, networks: [fabric, back], uplink: veth, podMtu: 1500 }
    - { name: node2, zone: zone-b, uplink: bridge }         veth, bridge, vlan or bond
  routers: [{ name: router, network: fabric, mtu: 1400 }]   makes a network of its name behind it
  outside: [outside, { name: far, network: router }]
  xdp: false                                                true: what leads to nodes' uplinks gives XDP programs what they need
  pods:
    - { name: client, node: node1 }
    - { name: web-0, namespace: shop, node: node2, labels: { app: web }, serve: hostnames, ready: true,
        ports: [{ name: http, port: 9376 }, { name: udp, port: 9376, protocol: UDP }] }
Pod manifests without a status run in the lab too: annotation lab.evenkeel.io/serve: hostnames says that they answer,
lab.evenkeel.io/node: NODE where they run (default: the nodes in turn). The folder that "lab status" shows is the cluster's
content: remove or edit files there, and the agents follow.

With --kubeconfig they read an API server instead, and are ready once it answers. Run it in the lab, as the agents can't reach
your machine's network: evenkeel lab exec outside -- kube-apiserver ..., which is then at 172.31.0.200 and fd00:31::200. The
manifests remain for kubectl apply.`

function gather(value: string, previous: readonly string[] = []): string[] {
  return [...previous, value]
}

async function up({ file = [], name, agents, config, kubeconfig }: UpOptions): Promise<void> {
  // Only here: what checks documents takes long to load.
  const { upLab } = await import('../../lab/up.ts')
  const progress = (line: string) => process.stderr.write(`${line}\n`)
  if (kubeconfig !== undefined) checkReadable(kubeconfig)
  const given = {
    ...(config !== undefined && { config: await readConfiguration(config) }),
    ...(kubeconfig !== undefined && { kubeconfig }),
  }
  // Who gives a kubeconfig starts the server in the lab, which must be up for that.
  const untilReady = kubeconfig === undefined
  const lab = await upLab({ name, files: file, agents, untilReady, keep: true, progress, ...given })
  const other = name === DEFAULT_NAME ? '' : ` --name ${name}`
  progress(`manifests: ${lab.manifests}`)
  progress(
    `next: evenkeel lab status${other} · evenkeel lab exec${other} ${lab.plan.nodes[0]!.name} -- sh · evenkeel lab down${other}`,
  )
}

function checkReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK)
  } catch (error) {
    throw new UserError(`--kubeconfig ${file}: can't be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

function execCommand(): Command {
  return new Command('exec')
    .description('Run a command inside of a node, a pod (NODE/POD) or an outside client.')
    .argument('<where>', 'node1, node1/client, client or outside')
    .argument('<command...>', 'after --')
    .option('--name <name>', 'name of the lab', DEFAULT_NAME)
    .action((where: string, argv: string[], { name }: { name: string }) =>
      translateErrors(() => exec(name, where, argv)),
    )
}

async function exec(name: string, where: string, argv: readonly string[]): Promise<void> {
  const lab = await openLab(checkLabName(name))
  const child = lab.spawn(where, argv, { stdio: 'inherit' })
  // A terminal's Ctrl-C reaches the command too: it decides what that means.
  process.on('SIGINT', () => undefined)
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  process.exitCode = await ended(child)
}

function statusCommand(): Command {
  return new Command('status')
    .description('Show the labs of this machine, or one.')
    .option('--name <name>', 'this lab only')
    .addOption(outputOption())
    .action((options: { name?: string; output: Format }) => translateErrors(() => status(options)))
}

async function status({ name, output }: { name?: string; output: Format }): Promise<void> {
  const statuses = name === undefined ? await allStatuses() : [await labStatus(checkLabName(name))]
  const found = statuses.filter(status => status !== undefined)
  if (name !== undefined && found.length === 0)
    throw new UserError(`there is no lab "${name}"; 'evenkeel lab up --name ${name}' makes it`)
  if (output === 'json') return printJson(found)
  if (found.length === 0) process.stderr.write("there is no lab; 'evenkeel lab up' makes one\n")
  for (const status of found) printStatus(status)
}

function printStatus({ name, phase, manifests, places }: LabStatus): void {
  process.stdout.write(`lab ${name}: ${phase}\nmanifests: ${manifests}\n`)
  const rows = places.map(({ name, kind, addresses, process, pid }) => {
    const runs = process === 'none' ? '' : `${kind === 'node' ? 'agent' : 'server'} ${process}${pid ? ` (${pid})` : ''}`
    return [name, kind, addresses.v4, addresses.v6, runs]
  })
  printTable(['where', 'kind', 'IPv4', 'IPv6', 'process'], rows)
}

interface AddPodOptions {
  readonly node: string
  readonly namespace: string
  readonly label: Readonly<Record<string, string>>
  readonly serve?: boolean
  readonly name: string
}

function addPodCommand(): Command {
  const label = new Option('--label <key=value>', 'of the Pod object (repeatable)').argParser(gatherLabel).default({})
  return new Command('add-pod')
    .description('Add a pod to a lab that is up: its network, its object in the manifests, and what it serves.')
    .argument('<pod>', 'name of the pod')
    .requiredOption('--node <node>', 'where it runs')
    .option('--namespace <namespace>', 'of the Pod object', 'default')
    .addOption(label)
    .option('--serve', 'it answers with its name on port 9376, TCP and UDP')
    .option('--name <name>', 'name of the lab', DEFAULT_NAME)
    .action((pod: string, options: AddPodOptions) => translateErrors(() => addPod(pod, options)))
}

function gatherLabel(value: string, previous: Readonly<Record<string, string>>): Record<string, string> {
  const [, key, text] = /^([^=]+)=(.*)$/.exec(value) ?? []
  if (key === undefined) throw new UserError(`--label ${value}: expected key=value`)
  return { ...previous, [key]: text! }
}

async function addPod(pod: string, { node, namespace, label, serve, name }: AddPodOptions): Promise<void> {
  const lab = await openLab(checkLabName(name))
  await lab.addPod({ name: pod, node, namespace, labels: label, ...(serve && { serve: 'hostnames' }) })
  process.stderr.write(`pod ${node}/${pod}: ${lab.address(pod)} ${lab.address(pod, 'IPv6')}\n`)
}

function removePodCommand(): Command {
  return new Command('remove-pod')
    .description('Take a pod out of a lab that is up: its object first, then its processes, then its network.')
    .argument('<pod>', 'name of the pod')
    .option('--name <name>', 'name of the lab', DEFAULT_NAME)
    .action((pod: string, { name }: { name: string }) =>
      translateErrors(async () => {
        await (await openLab(checkLabName(name))).removePod(pod)
        process.stderr.write(`pod ${pod}: removed\n`)
      }),
    )
}

function downCommand(): Command {
  return new Command('down')
    .description('Remove a lab, whole or half made, with all its processes.')
    .option('--name <name>', 'name of the lab', DEFAULT_NAME)
    .option('--all', 'all labs of this machine')
    .option('--force', 'also one that somebody is bringing up right now')
    .action((options: DownOptions) => translateErrors(() => down(options)))
}

interface DownOptions {
  readonly name: string
  readonly all?: boolean
  readonly force?: boolean
}

async function down({ name, all, force = false }: DownOptions): Promise<void> {
  const names = all ? await labNames() : [checkLabName(name)]
  for (const name of names) {
    if (!force) await refuseWhileStarting(name)
    const was = await tearDown(name)
    process.stderr.write(was ? `lab ${name}: down\n` : `there is no lab "${name}": nothing to do\n`)
  }
}

async function refuseWhileStarting(name: string): Promise<void> {
  const state = await readState(name)
  if (typeof state !== 'object' || state.phase !== 'starting' || !isAlive(state.owner)) return
  throw new UserError(`lab "${name}" is being brought up by process ${state.owner.pid}; stop that, or use --force`)
}

/** A failure of the lab's is the user's to mend: no stack. */
async function translateErrors(action: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) throw new UserError('the lab makes network namespaces: run this as root (sudo)')
  try {
    await action()
  } catch (error) {
    throw error instanceof LabError ? new UserError(error.message) : error
  }
}
