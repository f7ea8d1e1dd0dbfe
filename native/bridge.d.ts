// SPDX-License-Identifier: Apache-2.0
/**
 * The bridge between the agent and the kernel: a thin layer over libbpf, bpf(2) and netlink.
 *
 * File descriptors and Buffers go in; a number comes out. Zero or more is success, a negative number is -errno. An argument of
 * the wrong type throws TypeError; a Buffer that is too short, or an index out of range, throws RangeError. Nothing here
 * retries, logs or decides.
 */

/** A loaded or loadable BPF object file. Opaque; freed by objectClose or by the garbage collector. */
export interface BpfObject {
  readonly __bpfObject: unique symbol
}

export interface MapSpec {
  /** At most 15 characters. */
  readonly name: string
  /** BPF_MAP_TYPE_* */
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  /** BPF_F_* */
  readonly flags: number
}

export interface MapInfo extends MapSpec {
  readonly id: number
  readonly btfId: number
}

export interface ProgramSpec {
  readonly name: string
  readonly section: string
  /** BPF_PROG_TYPE_* */
  readonly type: number
}

export interface ProgramInfo {
  readonly id: number
  readonly name: string
  readonly type: number
  readonly tag: string
  /** Bytes of translated and of machine code. */
  readonly xlatedSize: number
  readonly jitedSize: number
  /** Instructions that the verifier processed (kernel 5.16+, else 0). */
  readonly verifiedInsns: number
  /** Nanoseconds and runs while kernel.bpf_stats_enabled=1. */
  readonly runTimeNs: bigint
  readonly runCount: bigint
  readonly mapIds: readonly number[]
}

export interface LinkInfo {
  readonly id: number
  /** BPF_LINK_TYPE_* */
  readonly type: number
  readonly programId: number
  /** For tcx and XDP links, else 0. A link whose device is gone has 0 too. */
  readonly ifindex: number
  /** For tcx and cgroup links, else 0. */
  readonly attachType: number
  /** For cgroup links (the inode number of the folder), else 0. */
  readonly cgroupId: bigint
}

export interface LoadResult {
  /** 0 or -errno. */
  readonly errno: number
  /** The verifier's and libbpf's messages, empty on success. */
  readonly log: string
}

export interface BatchResult {
  /** 0 or -errno; -ENOENT from a look-up means that this was the last batch. */
  readonly errno: number
  /** Elements done. */
  readonly count: number
}

export interface TestRun {
  /** The packet, from the Ethernet header on. */
  readonly data?: Buffer
  /** Where the packet after the run goes. */
  readonly dataOut?: Buffer
  /** struct __sk_buff or struct xdp_md, in and out. */
  readonly ctx?: Buffer
  readonly ctxOut?: Buffer
  /** Runs; default 1. */
  readonly repeat?: number
  /** BPF_F_TEST_* */
  readonly flags?: number
}

export interface TestRunResult {
  readonly errno: number
  /** The program's return value. */
  readonly retval: number
  /** Mean nanoseconds of a run. */
  readonly duration: number
  /** Length of the packet after the run; more than dataOut holds means it was cut. */
  readonly dataSizeOut: number
  readonly ctxSizeOut: number
}

/** Stops a watch. Idempotent. */
export type Unwatch = () => void

export interface Bridge {
  // Objects (libbpf). Programs and maps are named as in the C source.
  /**
   * Parses an ELF object; name is for messages. -errno when it is not one, or is cut short. Only for files of our own build:
   * libbpf (1.1) may crash on one whose bytes were changed.
   */
  objectOpen(elf: Buffer, name: string): BpfObject | number
  /** Unloads and frees. Later calls with this object throw. Idempotent. */
  objectClose(object: BpfObject): void
  objectMaps(object: BpfObject): MapSpec[]
  objectPrograms(object: BpfObject): ProgramSpec[]
  /** Before load (after: -EBUSY, as all of these). -ENOENT: no such map. */
  objectSetMaxEntries(object: BpfObject, map: string, maxEntries: number): number
  /** Before load: use the map behind fd in place of a new one. -EINVAL when it does not fit. */
  objectReuseMap(object: BpfObject, map: string, fd: number): number
  /** Before load: overwrites the start of .rodata. Longer than .rodata throws RangeError. */
  objectSetRodata(object: BpfObject, data: Buffer): number
  /** Before load: leaves a program out. */
  objectSetAutoload(object: BpfObject, program: string, load: boolean): number
  objectLoad(object: BpfObject): LoadResult
  /** A new descriptor, the caller's to close. */
  objectMapFd(object: BpfObject, map: string): number
  objectProgramFd(object: BpfObject, program: string): number
  /** The raw .BTF section of an ELF object, or -ENOENT. */
  elfBtf(elf: Buffer): Buffer | number

  // Descriptors and pins.
  /** Closes a descriptor that the bridge gave; -EBADF for any other. */
  close(fd: number): number
  /** Pins a map, program or link. The folder must be on a bpffs. */
  pin(fd: number, path: string): number
  /** Opens a pinned object. */
  openPinned(path: string): number
  mapById(id: number): number
  programById(id: number): number
  mapInfo(fd: number): MapInfo | number
  programInfo(fd: number): ProgramInfo | number
  linkInfo(fd: number): LinkInfo | number
  /** Ids of the programs on a cgroup (a descriptor of its folder) or a device (tcx: its index), in the order in which they run. */
  attachedPrograms(target: number, attachType: number): number[] | number
  /** Raw BTF of a BTF object by its id (MapInfo.btfId). */
  btfById(id: number): Buffer | number
  /** Possible CPUs: per-CPU values are this many, each padded to 8 bytes. */
  possibleCpus(): number

  // Maps. Keys and values must be exactly of the map's size (values of per-CPU maps: all CPUs).
  mapCreate(spec: MapSpec): number
  mapLookup(fd: number, key: Buffer, value: Buffer): number
  mapUpdate(fd: number, key: Buffer, value: Buffer, flags?: number): number
  mapDelete(fd: number, key: Buffer): number
  /** The key after `key`; null asks for the first. */
  mapNextKey(fd: number, key: Buffer | null, next: Buffer): number
  /**
   * Up to `count` elements into keys and values (count x size each). `inBatch` null begins; the position is left in outBatch
   * (at least max(keySize, 4) bytes).
   */
  mapLookupBatch(
    fd: number,
    inBatch: Buffer | null,
    outBatch: Buffer,
    keys: Buffer,
    values: Buffer,
    count: number,
  ): BatchResult
  mapUpdateBatch(fd: number, keys: Buffer, values: Buffer, count: number, flags?: number): BatchResult
  mapDeleteBatch(fd: number, keys: Buffer, count: number): BatchResult
  /**
   * Maps the values of a BPF_F_MMAPABLE array, each padded to 8 bytes; `length` bytes from the start, more than there are throws
   * RangeError. Always writable: a store to a read-only mapping would be a signal. Unmapped when the Buffer is collected.
   */
  mapMmap(fd: number, length: number): Buffer | number

  // Links. A link's descriptor is returned; closing it detaches unless it is pinned.
  /** attachType BPF_TCX_INGRESS or BPF_TCX_EGRESS (kernel 6.6+; -EINVAL before). */
  attachTcx(programFd: number, ifindex: number, attachType: number): number
  /** flags: XDP_FLAGS_* */
  attachXdp(programFd: number, ifindex: number, flags: number): number
  /** attachType BPF_CGROUP_* */
  attachCgroup(programFd: number, cgroupFd: number, attachType: number): number
  /** Puts another program in a link's place, atomically. */
  linkUpdate(linkFd: number, programFd: number): number
  linkDetach(linkFd: number): number
  /** clsact: makes the qdisc when it is missing, and adds (or replaces) one filter. egress false is ingress. */
  attachClsact(programFd: number, ifindex: number, egress: boolean, priority: number, handle: number): number
  /** Removes that filter, and nothing else. */
  detachClsact(ifindex: number, egress: boolean, priority: number, handle: number): number

  // Events.
  /** Calls back on the event loop whenever fd is readable; does not keep the process alive. */
  watch(fd: number, onReadable: () => void): Unwatch | number
  /** Opens a consumer of a ring buffer map. */
  ringOpen(mapFd: number): RingBuffer | number
  /** Copies of the records that are there now, oldest first, at most `max`. */
  ringConsume(ring: RingBuffer, max: number): Buffer[]
  /** A descriptor that is readable when records are; owned by the ring. */
  ringFd(ring: RingBuffer): number
  ringClose(ring: RingBuffer): void

  // Test-run.
  testRun(programFd: number, run: TestRun): TestRunResult

  // Netlink (NETLINK_ROUTE): raw messages; agent/kernel/netlink.ts writes and reads them.
  /** groups: bit mask of RTMGRP_*; 0 for requests only. Non-blocking, close-on-exec. */
  netlinkOpen(groups: number): number
  /** NETLINK_NETFILTER, for requests only. */
  netfilterOpen(): number
  netlinkSend(fd: number, message: Buffer): number
  /** Bytes received, 0 when nothing is there, or -errno (-ENOBUFS: notifications were lost). */
  netlinkReceive(fd: number, buffer: Buffer): number

  // Network namespaces.
  /** Of the network namespace of the process (kernel 5.14+). */
  netnsCookie(): bigint | number
  /** Makes an iterator of a program (SEC("iter/...")). */
  attachIterator(programFd: number): number
  /** Runs an iterator over a network namespace, "/proc/1/ns/net". Bytes that the program wrote, or -errno. Blocks. */
  iteratorRun(linkFd: number, netns: string): number

  // Selection tables.
  /**
   * Fills a Maglev table for `count` backends, 2 and more. Slots have 1 byte for up to 256, else 2, in this machine's order. `walks`:
   * for each backend, in the order in which they take turns, two hashes (offset and skip) and the index that its slots get, 32 bits
   * each.
   */
  maglevPopulate(slots: Uint8Array, walks: Uint8Array, count: number): number

  // Cgroups and files.
  /** Opens a folder O_RDONLY | O_DIRECTORY | O_CLOEXEC. */
  openFolder(path: string): number
}

export interface RingBuffer {
  readonly __ringBuffer: unique symbol
}
