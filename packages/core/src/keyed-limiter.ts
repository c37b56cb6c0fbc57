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

/** The methods of a limiter that decide. */
export type Deciding = 'consume' | 'peek' | 'wait' | 'penalize' | 'credit'

/** How the states of a subject are changed. */
export interface StateChange<T> {
  /** Of a limiter that an application wrapped, which has one subject. */
  inner(this: void, subject: Subject<string>): MaybePromise<T>
  engine(this: void, engine: LimiterEngine, targets: readonly Target[]): MaybePromise<T>
}

/** A limiter that converts subjects as the keys of its limits do, over the one that decides. `R`: what else a subclass takes as a subject. */
export class KeyedLimiter<R = never> implements Limiter {
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

  consume(subject: Subject<string> | R, options?: TakeOptions<string, string>): MaybePromise<Decision> {
    return this.decide('consume', subject, options)
  }

  peek(subject: Subject<string> | R, options?: TakeOptions<string, string>): MaybePromise<Decision> {
    return this.decide('peek', subject, options)
  }

  async wait(subject: Subject<string> | R, options?: WaitOptions<string, string>): Promise<Decision> {
    return this.decide('wait', subject, options)
  }

  penalize(subject: Subject<string> | R, options?: CallOptions<string, string>): MaybePromise<Decision> {
    return this.decide('penalize', subject, options)
  }

  credit(subject: Subject<string> | R, options?: CallOptions<string, string>): MaybePromise<Decision> {
    return this.decide('credit', subject, options)
  }

  reset(subject: Subject<string> | R): MaybePromise<boolean> {
    return this.change(subject, {
      inner: (one) => this.inner.reset(one),
      engine: (engine, targets) => engine.forget(targets),
    })
  }

  block(subject: Subject<string> | R, duration: Duration): MaybePromise<number> {
    return this.change(subject, {
      inner: (one) => this.inner.block(one, duration),
      engine: ({ blocks }, targets) => blocks.block(targets.map(textOf), duration),
    })
  }

  unblock(subject: Subject<string> | R): MaybePromise<boolean> {
    return this.change(subject, {
      inner: (one) => this.inner.unblock(one),
      engine: ({ blocks }, targets) => blocks.unblock(targets.map(textOf)),
    })
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

  protected decide(
    method: Deciding,
    subject: Subject<string> | R,
    options: WaitOptions<string, string> | undefined,
  ): MaybePromise<Decision> {
    const spelled = this.subjects.spelled(subject as Subject<string>, options?.tier)
    // The usual call by name: V8 looks up a computed method more slowly.
    return method === 'consume' ? this.inner.consume(spelled, options) : this.inner[method](spelled, options)
  }

  protected change<T>(subject: Subject<string> | R, { inner, engine }: StateChange<T>): MaybePromise<T> {
    const given = subject as Subject<string>
    if (this.engine === undefined) return inner(this.subjects.spelled(given, undefined))
    return engine(this.engine, this.subjects.targetsOf(this.engine, given))
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

function textOf({ subject }: Target): string {
  return subject
}
