// SPDX-License-Identifier: Apache-2.0
/** Configurations as the agent reads them: a text and a command line. */
import { Command } from 'commander'
import { stringify } from 'yaml'
import { addKubeProxyFlags, type FlagOptions, flagsOf } from '../../agent/cli/kube-proxy-flags.ts'
import { configurationOf, type Reading } from '../../agent/config/read.ts'
import { ConfigError } from '../../agent/config.ts'

/** Texts as they are, objects as YAML; each is a document. */
export type Documents = readonly (string | object)[]

export function read(documents: Documents, ...argv: string[]): Reading {
  return configurationOf(textOf(documents), 'file', flagsOf(optionsOf(argv)))
}

/** Every field that is wrong, and why. */
export function problemsOf(documents: Documents, ...argv: string[]): readonly string[] {
  try {
    read(documents, ...argv)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

export function textOf(documents: Documents): string {
  return documents.map(document => (typeof document === 'string' ? document : stringify(document))).join('---\n')
}

export function kubeProxy(fields: object = {}): object {
  return { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration', ...fields }
}

export function evenkeel(fields: object = {}): object {
  return { apiVersion: 'evenkeel.io/v1alpha1', kind: 'EvenkeelConfiguration', ...fields }
}

function optionsOf(argv: readonly string[]): FlagOptions {
  const command = addKubeProxyFlags(new Command().exitOverride().option('--kubeconfig <file>'))
  return command.parse(argv, { from: 'user' }).opts()
}
