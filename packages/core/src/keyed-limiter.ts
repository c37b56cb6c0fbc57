import type { Decision } from './decision.ts'
import type { Duration } from './duration.ts'
import { SluiceError } from './errors.ts'
import type { KeyOf } from './identity/part.ts'
import { spellingOf } from './identity/spelling.ts'
import { type KeyOptions, KeySubjects } from './key-subjects.ts'
import type { LimiterEngine } from './limiter-engine.ts'
import type { CallOptions, Cost, Limiter, Subject, TakeOptions, WaitOptions } from './limiter.ts'
import { type Policy, setsOf } from './policy.ts'
import type { MaybePromise } from './runtime.ts'
import type { StoreHealth } from './store.ts'
import type { Target } from './subject-values.ts'

// Registered, so that a limiter of another copy of this package is recognised.
const INNER: unique symbol = Symbol.for('sluice.limiter.inner') as never

/** The limiter that decides: of one that converts subjects the one below it, else the limiter itself. Two mounts of one limiter share it. */
export function innerLimiter(limiter: Limiter): Limiter {
  // Own: an object over such a limiter has methods of its own, which must be called.
  return Object.hasOwn(limiter, INNER) ? (limiter as never as { readonly [INNER]: Limiter })[INNER] : limiter
}

/** A limiter that converts subjects as the keys of its limits do, over the one that decides. */
export class KeyedLimiter implements Limiter {
  protected readonly inner: Limiter
  /** `undefined` for a limiter that an application wrapped: it has one subject. */
  protected readonly engine: LimiterEngine | undefined
  private readonly subjects: KeySubjects

  constructor(inner: Limiter, engine: LimiterEngine | undefined, keys: KeyOptions) {
    this.inner = inner
    Object.defineProperty(this, INNER, { value: inner })
    this.engine = engine
    this.subjects = new KeySubjects(inner.name, engine, keys)
  }

  get name(): string {
    return this.inner.name
  }

  consume(subject: Subject<string>, options?: TakeOptions<string, string>): MaybePromise<Decision> {
    return this.inner.consume(this.subjects.spelled(subject, options?.tier), options)
  }

  peek(subject: Subject<string>, options?: TakeOptions<string, string>): MaybePromise<Decision> {
    return this.inner.peek(this.subjects.spelled(subject, options?.tier), options)
  }

  async wait(subject: Subject<string>, options?: WaitOptions<string, string>): Promise<Decision> {
    return this.inner.wait(this.subjects.spelled(subject, options?.tier), options)
  }

  penalize(subject: Subject<string>, options?: CallOptions<string, string>): MaybePromise<Decision> {
    return this.inner.penalize(this.subjects.spelled(subject, options?.tier), options)
  }

  credit(subject: Subject<string>, options?: CallOptions<string, string>): MaybePromise<Decision> {
    return this.inner.credit(this.subjects.spelled(subject, options?.tier), options)
  }

  reset(subject: Subject<string>): MaybePromise<boolean> {
    const { engine, subjects } = this
    if (engine === undefined) return this.inner.reset(subjects.spelled(subject, undefined))
    return engine.forget(subjects.targetsOf(engine, subject))
  }

  block(subject: Subject<string>, duration: Duration): MaybePromise<number> {
    const { engine, subjects } = this
    if (engine === undefined) return this.inner.block(subjects.spelled(subject, undefined), duration)
    return engine.blocks.block(subjects.targetsOf(engine, subject).map(textOf), duration)
  }

  unblock(subject: Subject<string>): MaybePromise<boolean> {
    const { engine, subjects } = this
    if (engine === undefined) return this.inner.unblock(subjects.spelled(subject, undefined))
    return engine.blocks.unblock(subjects.targetsOf(engine, subject).map(textOf))
  }

  resetAll(): MaybePromise<void> {
    return this.inner.resetAll()
  }

  settle(decision: Decision, actual: Cost<string>): MaybePromise<void> {
    return this.inner.settle(decision, actual)
  }

  refund(decision: Decision): MaybePromise<void> {
    return this.inner.refund(decision)
  }

  release(decision: Decision): MaybePromise<void> {
    return this.inner.release(decision)
  }

  renew(decision: Decision): MaybePromise<boolean> {
    return this.inner.renew(decision)
  }

  health(): StoreHealth {
    return this.inner.health()
  }

  close(): MaybePromise<void> {
    return this.inner.close()
  }
}

/** The options of `createLimiter` for limits that an application shares with a script. */
export interface SharedKeys {
  readonly key?: KeyOf<any> | undefined
  readonly ipv6Prefix?: number | undefined
}

const shared = new WeakMap<Limiter, SharedKeys>()

/** The key and the prefix of a limiter of `createLimiter`, which also hold where it is mounted. */
export function sharedKeysOf(limiter: Limiter | undefined): SharedKeys | undefined {
  return limiter && shared.get(limiter)
}

/** A limiter of `createLimiter` that converts subjects. */
export function keyedLimiter(engine: LimiterEngine, keys: SharedKeys): Limiter {
  const remedy = 'pass what its key gives: an address, a text, or a list with one value for each part'
  const limiter = new KeyedLimiter(engine, engine, { keyOf: () => keys.key, ipv6Prefix: keys.ipv6Prefix, remedy })
  shared.set(limiter, keys)
  return limiter
}

/**
 * Whether a limiter has keys, so that its subjects are converted.
 * @throws ERR_LIMIT_KEY if some limits have a key and others have none; ERR_OPTION_INVALID
 */
export function hasKeys(policy: Policy, { key, ipv6Prefix }: SharedKeys): boolean {
  const limits = setsOf(policy).flatMap((set) => set.limits)
  const keys = new Set(limits.map((limit) => limit.key ?? key))
  // Made here, so that an invalid key is refused before the name is taken.
  for (const each of keys) spellingOf(each, ipv6Prefix)
  if (key !== undefined) spellingOf(key, ipv6Prefix)
  const without = limits.find((limit) => (limit.key ?? key) === undefined)
  if (without === undefined) return keys.size > 0
  if (keys.size === 1 && ipv6Prefix === undefined) return false
  // `rateLimit` would take its own key or the address. A guess here would be the state of another subject.
  throw new SluiceError(
    'ERR_LIMIT_KEY',
    `createLimiter: expected a key for limit "${without.limit.name}", got none${keys.size === 1 ? ' beside ipv6Prefix' : ', while other limits have one'}; ` +
      'pass key as rateLimit() gets it, which is ip() by default',
  )
}

export function textOf({ subject }: Target): string {
  return subject
}
