import type { Clock } from '@sluice/core'
import { invalid, knownOptions } from '@sluice/core/store-kit'

export interface DurableObjectStoreOptions {
  /** Begins the name of every object, so that two stores on one namespace share nothing; default `sluice`. */
  readonly name?: string | undefined
  /**
   * Over how many objects subjects are spread: a power of two, 1 to 4,096, default 64. Another number begins anew. Or a function
   * that names the object of a subject: the same for the same subject, always and everywhere.
   */
  readonly objects?: number | ((subject: string) => string) | undefined
  /** Where objects are to be created, one of Cloudflare's location hints, such as `weur`; default near the first request. */
  readonly locationHint?: string | undefined
  /** In place of the objects' own clock, for tests: expiry is then never by its time. */
  readonly clock?: Clock | undefined
}

/** The options, checked, with their defaults. */
export interface Settings {
  /** The name of the object that a subject's state is in. */
  objectOf(subject: string): string
  readonly locationHint: string | undefined
  readonly clock: Clock | undefined
}

const NAME = /^[\w.:-]{1,64}$/
const HINT = /^[a-z-]{2,16}$/
const MOST_OBJECTS = 4_096

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function settingsOf(options: DurableObjectStoreOptions): Settings {
  knownOptions('durableObjectStore', options, ['name', 'objects', 'locationHint', 'clock'])
  const { name = 'sluice', objects = 64, locationHint, clock } = options
  if (typeof name !== 'string' || !NAME.test(name)) throw invalid('durableObjectStore: name', '1 to 64 letters, digits, _ . : or -', name)
  if (typeof objects !== 'function' && !isPower(objects))
    throw invalid('durableObjectStore: objects', `a power of two from 1 to ${MOST_OBJECTS}, or a function`, objects)
  if (locationHint !== undefined && (typeof locationHint !== 'string' || !HINT.test(locationHint)))
    throw invalid('durableObjectStore: locationHint', "one of Cloudflare's location hints, such as 'weur'", locationHint)
  if (clock !== undefined && typeof (clock as Clock | null)?.now !== 'function')
    throw invalid('durableObjectStore: clock', 'an object with a function now()', clock)
  const objectOf =
    typeof objects === 'function'
      ? (subject: string): string => `${name}/${objects(subject)}`
      : // The number is part of the name: with another one no object is asked for subjects that are elsewhere.
        (subject: string): string => `${name}.${objects}/${fnv1a(subject) & (objects - 1)}`
  return { objectOf, locationHint, clock }
}

function isPower(objects: unknown): boolean {
  return typeof objects === 'number' && objects >= 1 && objects <= MOST_OBJECTS && Number.isInteger(Math.log2(objects))
}

/** FNV-1a (Fowler, Noll, Vo), 32 bits, over UTF-16 units: cheap, and the same in every Worker. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // The low bits of FNV alone are weak.
  return (hash ^ (hash >>> 15)) >>> 0
}
