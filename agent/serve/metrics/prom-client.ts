// SPDX-License-Identifier: Apache-2.0
/** The parts of prom-client that are used: all of it takes 9 MB of memory more, for clusters and gateways. */
import { createRequire } from 'node:module'
import type * as Client from 'prom-client'

const require = createRequire(import.meta.url)

export const Registry: typeof Client.Registry = require('prom-client/lib/registry.js')
export const Counter: typeof Client.Counter = require('prom-client/lib/counter.js')
export const Gauge: typeof Client.Gauge = require('prom-client/lib/gauge.js')
export const Histogram: typeof Client.Histogram = require('prom-client/lib/histogram.js')

export type Registry = Client.Registry
export type Counter<T extends string = string> = Client.Counter<T>
export type Gauge<T extends string = string> = Client.Gauge<T>
export type Histogram<T extends string = string> = Client.Histogram<T>
