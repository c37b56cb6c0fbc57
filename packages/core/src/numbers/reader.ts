import { labelOf, shortWindowOf } from '../define-limit.ts'
import { invalid } from '../errors.ts'
import type { NumberFunction, RequestNumbers } from '../limit.ts'
import type { ObserverHub } from '../observers.ts'
import type { LimitReader, ScopedLimit } from '../limit-set.ts'
import { chain, mapAll, type MaybePromise } from '../runtime.ts'
import { AmendedLimits, MAX_AMENDED } from './amended.ts'

/**
 * Reads the numbers of one limit from requests. An invalid value never reaches the client: the numbers of the definition replace it, and
 * a warning is emitted once. A value of another request would be another client's.
 */
export class NumberReader implements LimitReader {
  private readonly amended: AmendedLimits
  private readonly scoped: ScopedLimit
  private readonly names: readonly string[]
  private readonly functions: readonly NumberFunction<unknown>[]
  private readonly defaults: Readonly<Record<string, unknown>>
  /** The limits of the numbers of a single function. An object is not remembered, since the application may change it. */
  private readonly known = new Map<number | string, ScopedLimit>()

  constructor(scoped: ScopedLimit, { functions, defaults }: RequestNumbers) {
    this.scoped = scoped
    this.names = Object.keys(functions)
    this.functions = Object.values(functions)
    this.defaults = defaults
    this.amended = new AmendedLimits(scoped)
  }

  read(context: unknown, observers: ObserverHub): MaybePromise<ScopedLimit | undefined> {
    const { functions } = this
    if (functions.length > 1)
      return chain(
        mapAll(functions, (read) => read(context)),
        (values) => this.limitOf(values, observers),
      )
    return chain((functions[0] as NumberFunction<unknown>)(context), (value) => this.limitOfOne(value, observers))
  }

  missing(given: object | undefined): readonly string[] {
    return this.names.filter((name) => (given as Record<string, unknown> | undefined)?.[name] === undefined && !this.hasDefault(name))
  }

  private limitOfOne(value: unknown, observers: ObserverHub): ScopedLimit | undefined {
    if (typeof value !== 'number' && typeof value !== 'string') return this.limitOf([value], observers)
    const known = this.known.get(value)
    if (known !== undefined) return known
    const limit = this.limitOf([value], observers)
    // The value may be a long text from a client.
    if (limit === undefined || limit === this.scoped) return limit
    if (this.known.size >= MAX_AMENDED) this.known.clear()
    this.known.set(value, limit)
    return limit
  }

  private limitOf(values: readonly unknown[], observers: ObserverHub): ScopedLimit | undefined {
    const { names, scoped } = this
    const { name } = scoped.limit
    const numbers: Record<string, unknown> = {}
    try {
      for (let i = 0; i < names.length; i++) {
        const option = names[i] as string
        const value = values[i] ?? undefined
        if (value === undefined && !this.hasDefault(option)) throw invalid(`${labelOf({ name })}: ${option}`, 'a value', values[i])
        numbers[option] = value
      }
      const read = this.amended.with(numbers)
      const short = read && shortWindowOf(read.limit)
      if (short !== undefined) observers.warn('WARN_WINDOW_SHORT', short, name)
      return read
    } catch (error) {
      const found = this.withoutCalendar(numbers)
      const ignored = names.filter((option) => found === undefined || isCalendar(option))
      const verb = `of a request ${ignored.length === 1 ? 'is' : 'are'} ignored`
      const used = found === undefined ? describe(scoped) : 'the defaults'
      const message = `${ignored.join(' and ')} ${verb}, and ${used} are used: ${(error as Error).message}`
      observers.warn('WARN_VALUE_IGNORED', message, `numbers ${name}`)
      return found === undefined ? scoped : found.limit
    }
  }

  /**
   * The limit with the default calendar, if only the calendar is invalid; `limit` is `undefined` for no limit. Users choose their time zone,
   * and an invalid one must not give them another limit.
   */
  private withoutCalendar(numbers: Record<string, unknown>): { readonly limit: ScopedLimit | undefined } | undefined {
    const others = this.names.filter((option) => !isCalendar(option))
    if (others.length === 0 || others.length === this.names.length || !others.every((option) => option in numbers)) return undefined
    try {
      return { limit: this.amended.with(Object.fromEntries(others.map((option) => [option, numbers[option]]))) }
    } catch {
      return undefined
    }
  }

  private hasDefault(option: string): boolean {
    return Object.hasOwn(this.defaults, option)
  }
}

function isCalendar(option: string): boolean {
  return option === 'anchor' || option === 'timeZone'
}

function describe({ limit: { limit, window }, holds }: ScopedLimit): string {
  const span = typeof window === 'number' ? `${window} ms` : window
  return holds ? `${limit} at once with a ttl of ${span}` : `${limit} per ${span}`
}
