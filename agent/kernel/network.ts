// SPDX-License-Identifier: Apache-2.0
/** Devices, addresses and routes kept up to date by the kernel's notifications. */
import { constants } from 'node:os'
import { bridge } from './bridge.ts'
import {
  type Device,
  type DeviceAddress,
  listAddresses,
  listDevices,
  listRoutes,
  parseAddress,
  parseDevice,
  type Route,
  RTM,
} from './devices.ts'
import { check, checkValue, KernelError } from './errno.ts'
import { type Message, messages, RECEIVE_SIZE } from './netlink.ts'

export interface Network {
  /** By ifindex. */
  readonly devices: ReadonlyMap<number, Device>
  readonly addresses: readonly DeviceAddress[]
  /** Empty unless asked for. */
  readonly routes: readonly Route[]
}

export interface NetworkWatch {
  /** As of the last change. */
  readonly current: () => Network
  /** Idempotent. */
  readonly stop: () => void
}

export interface WatchOptions {
  /** Called after changes, many at once where many came; never before watchNetwork has returned. */
  readonly onChange: (network: Network) => void
  /** Called when the kernel can't be asked any more; the watch has stopped then. */
  readonly onError: (error: KernelError) => void
  readonly routes?: boolean
}

// RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR; RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_ROUTE of <linux/rtnetlink.h>
const GROUPS = 0x1 | 0x10 | 0x100
const ROUTE_GROUPS = 0x40 | 0x400

interface State {
  readonly fd: number
  readonly withRoutes: boolean
  readonly devices: Map<number, Device>
  readonly addresses: Map<string, DeviceAddress>
  routes: readonly Route[]
}

/** Reads everything, and then follows it. Throws KernelError when it can't begin. */
export function watchNetwork(options: WatchOptions): NetworkWatch {
  const withRoutes = options.routes ?? false
  // The socket is first, so that nothing is lost between the lists and the notifications.
  const fd = check(bridge.netlinkOpen(withRoutes ? GROUPS | ROUTE_GROUPS : GROUPS), 'open', 'a netlink socket')
  const state: State = { fd, withRoutes, devices: new Map(), addresses: new Map(), routes: [] }
  try {
    readAll(state)
    return follow(state, options)
  } catch (error) {
    bridge.close(fd)
    throw error
  }
}

function follow(state: State, { onChange, onError }: WatchOptions): NetworkWatch {
  const watching = bridge.watch(state.fd, () => {
    try {
      if (receive(state)) onChange(snapshot(state))
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      stop()
      onError(error)
    }
  })
  const unwatch = checkValue(watching, 'watch', 'a netlink socket')
  let stopped = false
  const stop = () => {
    if (stopped) return
    stopped = true
    unwatch()
    bridge.close(state.fd)
  }
  return { current: () => snapshot(state), stop }
}

function snapshot(state: State): Network {
  return { devices: new Map(state.devices), addresses: [...state.addresses.values()], routes: state.routes }
}

function readAll(state: State): void {
  state.devices.clear()
  state.addresses.clear()
  for (const device of listDevices()) state.devices.set(device.ifindex, device)
  for (const address of listAddresses()) state.addresses.set(addressKey(address), address)
  if (state.withRoutes) state.routes = listRoutes()
}

function addressKey({ ifindex, address, prefix }: DeviceAddress): string {
  return `${ifindex} ${address}/${prefix}`
}

/** Takes all notifications that are there; whether anything may have changed. */
function receive(state: State): boolean {
  let changed = false
  let routes = false
  const buffer = Buffer.alloc(RECEIVE_SIZE)
  for (;;) {
    const size = bridge.netlinkReceive(state.fd, buffer)
    if (size === 0) break
    if (size === -constants.errno.ENOBUFS) {
      // Notifications were lost. Those that are queued still are about an older state: the lists come after them.
      drain(state.fd)
      readAll(state)
      return true
    }
    check(size, 'receive', 'notifications of the network')
    for (const message of messages(buffer.subarray(0, size))) {
      if (message.type === RTM.NEWROUTE || message.type === RTM.DELROUTE) routes = true
      else changed = apply(state, message) || changed
    }
  }
  // A route may be replaced without a word about the old one, so routes are listed again.
  if (routes) state.routes = listRoutes()
  return changed || routes
}

function drain(fd: number): void {
  const buffer = Buffer.alloc(RECEIVE_SIZE)
  for (;;) {
    const size = bridge.netlinkReceive(fd, buffer)
    if (size <= 0 && size !== -constants.errno.ENOBUFS) return
  }
}

function apply(state: State, { type, body }: Message): boolean {
  if (type === RTM.NEWLINK || type === RTM.DELLINK) return applyDevice(state, type === RTM.NEWLINK, parseDevice(body))
  if (type === RTM.NEWADDR || type === RTM.DELADDR) return applyAddress(state, type === RTM.NEWADDR, parseAddress(body))
  return false
}

function applyDevice({ devices, addresses }: State, present: boolean, device: Device | undefined): boolean {
  if (device === undefined) return false
  if (present) devices.set(device.ifindex, device)
  else {
    devices.delete(device.ifindex)
    for (const [key, { ifindex }] of addresses) if (ifindex === device.ifindex) addresses.delete(key)
  }
  return true
}

function applyAddress({ addresses }: State, present: boolean, address: DeviceAddress | undefined): boolean {
  if (address === undefined) return false
  if (present) addresses.set(addressKey(address), address)
  else addresses.delete(addressKey(address))
  return true
}
