// SPDX-License-Identifier: Apache-2.0
/** The command: one file a subcommand, each giving a commander Command. */
import { Command, CommanderError } from 'commander'
import { VERSION } from '../version.ts'
import { UserError } from './output.ts'

/** In the order of the help. Only the one that is asked for is loaded, so that it starts quickly. */
const SUBCOMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand(),
  config: async () => (await import('./config.ts')).configCommand(),
  render: async () => (await import('./render.ts')).renderCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  services: async () => (await import('./services.ts')).servicesCommand(),
  explain: async () => (await import('./explain.ts')).explainCommand(),
  flows: async () => (await import('./flows.ts')).flowsCommand(),
  events: async () => (await import('./events.ts')).eventsCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
  preflight: async () => (await import('./preflight.ts')).preflightCommand(),
  migrate: async () => (await import('./migrate.ts')).migrateCommand(),
  cleanup: async () => (await import('./cleanup.ts')).cleanupCommand(),
}

async function subcommands(wanted: string | undefined): Promise<Command[]> {
  const one = wanted === undefined ? undefined : SUBCOMMANDS[wanted]
  return Promise.all((one ? [one] : Object.values(SUBCOMMANDS)).map(make => make()))
}

/** Nested commands throw too, where commander would end the process. */
function throwing(command: Command): Command {
  command.exitOverride()
  for (const nested of command.commands) throwing(nested)
  return command
}

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('evenkeel')
    .description('Kubernetes Services in eBPF, in the place of kube-proxy, beside any CNI.')
    .version(VERSION)
    .showHelpAfterError('(evenkeel COMMAND --help explains)')
  for (const command of await subcommands(argv[2])) program.addCommand(command)
  await throwing(program).parseAsync([...argv])
  return Number(process.exitCode ?? 0)
}

// `evenkeel services | head` is no failure.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  process.exitCode = await main(process.argv)
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else if (error instanceof UserError) {
    process.stderr.write(`evenkeel: ${error.message}\n`)
    process.exitCode = error.exitCode
  } else {
    process.stderr.write(`evenkeel: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 70
  }
}
