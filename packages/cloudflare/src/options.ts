import type { Clock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'

/** The options of `durableObjectStore`. */
export interface DurableObjectStoreOptions {
  /**
   * The first part of every object's name; stores with different names share no state. 1 to 64 letters, digits, `_`, `.`, `:` or `-`.
   * Default `sluice`.
   */
  readonly name?: string | undefined
  /**
   * How many objects the subjects are spread over: a power of two, 1 to 4,096. Default 64. After a change, all states start empty. Or a
   * function that returns the name of a subject's object: always the same name for the same subject.
   */
  readonly objects?: number | ((subject: string) => string) | undefined
  /** Where new objects are created: one of Cloudflare's location hints, such as `weur`. Default: near the first request. */
  readonly locationHint?: string | undefined
  /** For tests: replaces the clock of the objects for decisions, not for the deletion of expired states. Default: the objects' clock. */
  readonly clock?: Clock | undefined
}

/** The options, checked and with their defaults. */
export interface Settings {
  /** The name of the object that keeps a subject's state. */
  objectOf(subject: string): string
  /** The name of what fails together with a subject's object: the object, or a group of objects if a function names them. */
  shardOf(subject: string): string
  readonly locationHint: string | undefined
  readonly clock: Clock | undefined
}

const NAME = /^[\w.:-]{1,64}$/
const HINT = /^[a-z-]{2,16}$/
const MAX_OBJECTS = 4_096
/** Groups of the objects that a function names. A power of two. */
const SHARDS = 64

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function settingsOf(options: DurableObjectStoreOptions): Settings {
  knownOptions('durableObjectStore', options, ['name', 'objects', 'locationHint', 'clock'])
  const { name = 'sluice', objects = 64, locationHint, clock } = options
  if (typeof name !== 'string' || !NAME.test(name)) throw invalid('durableObjectStore: name', '1 to 64 letters, digits, _ . : or -', name)
  if (typeof objects !== 'function' && !isPowerOfTwo(objects))
    throw invalid('durableObjectStore: objects', `a power of two from 1 to ${MAX_OBJECTS}, or a function`, objects)
  if (locationHint !== undefined && (typeof locationHint !== 'string' || !HINT.test(locationHint)))
    throw invalid('durableObjectStore: locationHint', "one of Cloudflare's location hints, such as 'weur'", locationHint)
  if (clock !== undefined && typeof (clock as Clock | null)?.now !== 'function')
    throw invalid('durableObjectStore: clock', 'an object with a function now()', clock)
  if (typeof objects === 'function') {
    const objectOf = (subject: string): string => `${name}/${objects(subject)}`
    // A function can name any number of objects, and a circuit breaker for each would fill the memory.
    return { objectOf, shardOf: (subject) => `${name}#${fnv1a(objectOf(subject)) & (SHARDS - 1)}`, locationHint, clock }
  }
  // The number is part of the name, so that stores with different numbers never share an object.
  const objectOf = (subject: string): string => `${name}.${objects}/${fnv1a(subject) & (objects - 1)}`
  return { objectOf, shardOf: objectOf, locationHint, clock }
}

function isPowerOfTwo(objects: unknown): boolean {
  return typeof objects === 'number' && objects >= 1 && objects <= MAX_OBJECTS && Number.isInteger(Math.log2(objects))
}

/** FNV-1a (Fowler, Noll, Vo), 32 bits, over UTF-16 code units: cheap, and the same in every Worker. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // The low bits of FNV are weak, and the mask uses only those.
  return (hash ^ (hash >>> 15)) >>> 0
}
