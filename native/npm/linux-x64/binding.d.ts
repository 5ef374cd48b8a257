// Generated from native/addon; a test compares the two and says how to renew this.

/** The opened contents of one pack. */
export declare class Contents {
  /** Where the contents of a pack of this length begin, from its last 112 bytes; they end there. */
  static start(keyring: Keyring, length: number, tail: Buffer): number
  /** Opens them: `sealed` is what lies from the start to the last 112 bytes. */
  static open(keyring: Keyring, name: string, length: number, tail: Buffer, sealed: Buffer): Contents
  /** The pack's bare name. */
  get name(): string
  /** The domain whose chunks it holds, in hexadecimal. */
  get domain(): string
  /** The claim that the pack was made under, in hexadecimal. */
  get claim(): string
}

/** A claimed file that a process can write. */
export interface Hold {
  path: Buffer
  mapped: boolean
}

export declare class Index {
  /**
   * `names` and `lengths` list the packs that exist: what lies elsewhere is not believed. What
   * lies in the `doubted` ones can be read, and is brought again by whoever writes.
   */
  constructor(names: Array<string>, lengths: Array<number>, doubted?: Array<string> | undefined | null)
  /** Adds one sealed index run; `cache` is the file that is to keep it opened. */
  add(keyring: Keyring, name: string, bytes: Buffer, cache?: string | undefined | null): void
  /** Adds one run from the cache; false when there is no whole file of it. */
  addCached(cache: string): boolean
  /**
   * Adds a pack by its own contents: what a lost or unreadable run said. Until a run says it
   * again, nothing new is to rely on a `doubted` one.
   */
  addContents(contents: Contents, doubted: boolean): void
  /** Names of packs that exist and that no run speaks of. */
  unlisted(): Array<string>
  get chunks(): number
  /** Names of packs that runs speak of but the listing did not have with that length. */
  missing(): Array<string>
  /** How much of each listed pack is needed by what was marked. */
  usage(): Usage
  /** Lets copy jobs save what is needed of this pack; returns how many bytes that are. */
  leave(contents: Contents): number
  /** Names of all packs that runs speak of. */
  named(): Array<string>
  /** New runs that say what all these say of every pack but the dropped ones. */
  merge(keyring: Keyring, claim: Buffer, dropped: Array<string>): Array<Sealed>
}

/** One job under way: its replies, its counters, and the way to stop it. */
export declare class Job {
  /** Answers a put: durable, or why not. */
  reply(request: number, error?: string | undefined | null): void
  /** Answers a fetch. `lost`: what failed is this object, not the store. */
  give(request: number, bytes?: Buffer | undefined | null, error?: string | undefined | null, lost?: boolean | undefined | null): void
  cancel(): void
  /**
   * Files, bytes read, bytes taken from the parent, new bytes, stored bytes; or entries, bytes,
   * bytes written, entries deleted, stored bytes read, ranges of packs these are; or, of a
   * transfer, bytes read, new bytes, stored bytes.
   */
  progress(): Array<number>
}

/** What a job tells; the last event is `done`. */
export type JobEvent =
  | { event: 'put'; request: number; kind: 'pack' | 'index'; pages: boolean; name: string; bytes: Buffer }
  | { event: 'spooled'; request: number; pages: boolean; name: string; file: number; length: number }
  | { event: 'fetch'; request: number; name: string; offset: number; length: number; other: boolean }
  | { event: 'rows'; bytes: Buffer }
  | { event: 'trouble'; path: Buffer; message: string }
  | { event: 'done'; result?: string; error?: string }

/** What a job works on. Paths are bytes, names joined by `/`, without a leading one. */
export interface JobSpec {
  verb: 'backup' | 'stream' | 'compare' | 'restore' | 'list' | 'diff' | 'cat' | 'dump' | 'check' | 'scrub' | 'mark' | 'copy' | 'survey' | 'carry' | 'remake'
  folder?: Buffer
  workers: number
  paths?: Array<Buffer>
  exclude?: Array<string>
  ignoreFile?: Buffer
  excludeCaches?: boolean
  oneFileSystem?: boolean
  noSockets?: boolean
  views?: Array<ViewSpec>
  parentRoot?: Buffer
  parentHints?: Buffer
  level?: number
  slots?: number
  /** Stored bytes that the repository has, which say how large packs are. */
  stored?: number
  /** Bytes that packs are filled to in any case. */
  fill?: number
  /** A folder on a disk for large packs on their way. */
  spool?: Buffer
  dry?: boolean
  claim?: Buffer
  name?: Buffer
  command?: Array<string>
  seconds?: number
  path?: Buffer
  recurse?: boolean
  target?: Buffer
  delete?: boolean
  pack?: string
  /** Stored bytes of the pack. */
  length?: number
  roots?: Array<Buffer>
  others?: Array<Buffer>
  hints?: Array<Buffer>
  damaged?: Array<string>
  /** Of a transfer: the folder of its source, and packs that were copied whole. */
  otherFolder?: Buffer
  whole?: Array<string>
}

/** What Argon2id costs. */
export interface KdfCost {
  /** Memory in KiB. */
  memoryKiB: number
  passes: number
  lanes: number
}

/** All keys of a repository; none can be read out. */
export declare class Keyring {
  /** New random root, lineage and replica. */
  static generate(): Keyring
  /** Tries one secret on one slot; null when it is not the slot's. */
  static openSlot(bytes: Buffer, kind: SecretKind, secret: Buffer): Keyring | null
  sealSlot(kind: SecretKind, secret: Buffer, cost: KdfCost, label: string, created: number): Sealed
  get fingerprint(): string
  get lineage(): Buffer
  get replica(): Buffer
  set replica(replica: Buffer)
  /** A new domain and its first epoch. */
  newDomain(label: string): Array<Sealed>
  /** A new role key: 1 control, 2 index, 3 admin. */
  newRole(role: number): Sealed
  /** Takes a stored domain, epoch or role key into the ring. */
  load(name: string, bytes: Buffer): void
  /** Seals a record; `own` is the upload id of one that is named for what it speaks of. */
  seal(kind: string, content: Buffer, own?: Buffer | undefined | null): Sealed
  /** The tag, 32 bytes, of a record that deletes; needs the admin key. */
  authorise(kind: string, own: Buffer, content: Buffer): Buffer
  /** Whether `tag` is what the admin key makes of this content; null without that key. */
  authorised(kind: string, name: string, content: Buffer, tag: Buffer): boolean | null
  open(kind: string, name: string, bytes: Buffer): Buffer
}

/** A second tree that is made like the first, in passes; see the core's `mirror`. */
export declare class Mirror {
  constructor(reflink: boolean)
  /** Gives a folder what another has beside its entries: owner, mode, attributes, times. */
  static describe(from: Buffer, to: Buffer): void
  /**
   * Makes `to/name` like `from/name`; `mapped` are paths whose times say nothing. Gives the
   * bytes of the files that were taken.
   */
  pass(from: Buffer, to: Buffer, name: Buffer, mapped: Array<Buffer>): Promise<number>
}

/** Where a path lies. */
export interface Place {
  /** `statfs` number of the kind of file system, hexadecimal. */
  kind: string
  /** Tells one file system of this machine from another; all subvolumes of one have the same. */
  fileSystem: string
  /** 0 where there are no subvolumes. */
  subvolume: number
  inode: number
  /** Device number; each subvolume has its own. */
  device: string
}

/** One process, by number and start time; see the core's `census`. */
export interface Process {
  pid: number
  /** Ticks since the machine started, decimal. */
  start: string
  parent: number
  state: string
  name: string
  exe: Buffer
  tracer?: number
  /** Path of its group of the second version; empty where there is none. */
  cgroup: string
  /** Its numbers, from this namespace's inwards. */
  numbers: Array<number>
  /** Which namespace its numbers are of. */
  namespace: Buffer
  /** Milliseconds within which a service manager wants to hear from it. */
  watchdog?: number
  holds: Array<Hold>
  /** Why it must not be stopped. */
  tie?: string
  /** False when its files could not be looked at. */
  seen: boolean
}

/** A sealed object and the name it is to be stored under, without its folder. */
export interface Sealed {
  name: string
  bytes: Buffer
}

/** What opens a key slot. */
export type SecretKind = 'passphrase' | 'recovery' | 'keyfile'

/** What a key slot says without any secret. */
export interface SlotFacts {
  kind: number
  fingerprint: string
  memoryKiB: number
}

/** A file without a name that is written from its beginning to its end, and hashed on the way. */
export declare class Spool {
  constructor(folder: Buffer)
  append(bytes: Buffer): void
  /** BLAKE3 of all of it, in hexadecimal. */
  hash(): string
  get length(): number
  /** Its descriptor, only to be read from. */
  get file(): number
  /** The file goes. */
  close(): void
}

/** What marked chunks need of each listed pack, column by column. */
export interface Usage {
  names: Array<string>
  lengths: Array<number>
  /** Stored bytes of all blocks. */
  held: Array<number>
  /** Of these what marked chunks take. */
  used: Array<number>
}

/** A folder that is read elsewhere: its absolute path, and where what it was stands still. */
export interface ViewSpec {
  path: Buffer
  view: Buffer
}

/** All processes but kernel threads; `roots` are the claimed paths. */
export declare function census(roots: Array<Buffer>): Array<Process>

/** Where the second version of cgroups is mounted; none where it is not. */
export declare function cgroupMount(): Buffer | null

/** Nanoseconds of the clock that only goes forward, and milliseconds since 1970 at the same moment. */
export declare function clocks(): Array<number>

/** `hex(BLAKE3(bytes))`: what an object's name must begin with. */
export declare function contentHash(bytes: Buffer): string

export declare function createSubvolume(folder: Buffer, name: string): void

export declare function deleteSubvolume(folder: Buffer, name: string): void

/** The numbers that FORMAT.md states, for the test that compares the two. */
export declare function formatConstants(): string

/** Bytes that the next pack is filled to in a repository whose packs have so many. */
export declare function packFill(stored: number): number

/** Memory that begins at a page, so that a file can be written from it past the page cache. */
export declare function pages(length: number): Buffer

export declare function placeOf(path: Buffer): Place

/** Reads a key slot without any secret. */
export declare function readSlot(bytes: Buffer): SlotFacts

/** Removes an entry and all below it. */
export declare function removeTree(folder: Buffer, name: string): void

/** Seals one index run that speaks of these packs of one domain, under a claim of now. */
export declare function sealRun(keyring: Keyring, claim: Buffer, packs: Array<Contents>): Sealed

/** A read-only snapshot of the subvolume that `source` is of, as `folder/name`. */
export declare function snapshotSubvolume(source: Buffer, folder: Buffer, name: string): void

/** Which process listens on a Unix socket, as this namespace counts. */
export declare function socketPeer(path: Buffer): number

/** Starts a job. `callback` gets events; the last is `done`. */
export declare function start(keyring: Keyring, index: Index, spec: JobSpec, callback: (event: JobEvent) => void): Job

/** Subvolumes below a folder, by their paths from it. */
export declare function subvolumesBelow(path: Buffer): Array<Buffer>

/** Hands all that is written of a path's file system to its disk. */
export declare function syncFileSystem(path: Buffer): Promise<unknown>

/** Starts a job that reads one repository (`from`) and writes another (`to`). */
export declare function transfer(from: Keyring, fromIndex: Index, to: Keyring, toIndex: Index, spec: JobSpec, callback: (event: JobEvent) => void): Job
