// SPDX-License-Identifier: Apache-2.0
/** What the lab's things are called. A lab's name has no dash, so that no lab's prefix is the start of another's. */
import { join, resolve } from 'node:path'
import { LabError } from './error.ts'

/** The folder that holds every lab's state. On a tmpfs: a reboot takes labs and their state alike. */
export const LABS_FOLDER = '/run/evenkeel/lab'

/** The project's folder: holds the `evenkeel` command. */
export const PROJECT_FOLDER = resolve(import.meta.dirname, '..')

/** Of the project's own documents. */
export const API_VERSION = 'evenkeel.io/v1alpha1'
export const TOPOLOGY_KIND = 'LabTopology'

const LAB_NAME = /^[a-z][a-z0-9]{0,14}$/

export function checkLabName(name: string): string {
  if (!LAB_NAME.test(name))
    throw new LabError(`lab name "${name}": use up to 15 lower-case letters and digits, a letter first (no dashes)`)
  return name
}

export function labFolder(lab: string): string {
  return join(LABS_FOLDER, lab)
}

/** What the names of the lab's network namespaces begin with. */
export function netnsPrefix(lab: string): string {
  return `ek-${lab}-`
}

export function netnsPath(netns: string): string {
  return join('/run/netns', netns)
}

/** Name of the lab's cgroup, and what its folders on bpffs begin with ("ek-lab-NAME-NODE"). */
export function cgroupName(lab: string): string {
  return `ek-lab-${lab}`
}

export function bpffsPrefix(lab: string): string {
  return `ek-lab-${lab}-`
}

/** Files in the lab's folder of manifests. */
export function nodeFile(node: string): string {
  return `lab-node-${node}.yaml`
}

export function podFile(pod: string): string {
  return `lab-pod-${pod}.yaml`
}
