import { algorithmOf } from '../../algorithms/registry.ts'
import type { Decision } from '../../decision.ts'
import { shownName } from '../../label.ts'
import type { Limit } from '../../limit.ts'
import { sfInteger, sfString, toInteger } from './structured.ts'

export type HeaderLine = readonly [name: string, value: string]

/** The constant parts of one limit's headers. */
export interface Item {
  /** The label of the limit, or its name: in all fields and in the body. */
  readonly name: string
  /** Whether clients see it. What they do not see is in no field. */
  readonly visible: boolean
  /** Drafts 8 to 11: the start of its item in `RateLimit`, up to the units: `"minute";r=`. */
  readonly opening: string
  readonly quota: number
  /** Whole seconds; `undefined` for concurrency, which no time restores. */
  readonly window: number | undefined
  /** Whether the whole quota comes back at one moment. */
  readonly resetsAtOnce: boolean
  /** Drafts 8 to 11: its item in `RateLimit-Policy`, such as `"minute";q=100;w=60`. */
  readonly policy: string
}

/** The items of one decision, in the order of its limits, and the policy fields that list them. */
export interface ItemSet {
  readonly items: readonly Item[]
  readonly names: readonly string[]
  /** The line `RateLimit-Policy` of drafts 8 to 11; `undefined` if clients see no limit. */
  readonly policies: HeaderLine | undefined
  /** That of drafts 6 and 7: `100;w=60`. There `w` is required, so a limit without a window is left out; `undefined` if all are. */
  readonly unnamed: HeaderLine | undefined
}

interface Cached extends ItemSet {
  readonly limits: readonly Limit[]
  readonly policy: string
  readonly shorthand: boolean
}

// By the first limit of a set, which lives as long as its policy. Functions can make other limits per request, so the number of sets
// per key is bounded.
const cache = new WeakMap<Limit, Cached[]>()
const MAX_SETS = 8
// Most requests have the set of the request before.
let last: Cached | undefined

/** The items of a decision, rendered once per set of limits. With `shorthand`, the only limit has the name of the policy. */
export function itemsOf(decision: Decision, shorthand: boolean): ItemSet {
  const { charges } = decision
  const first = charges[0]
  if (first === undefined) return NONE
  if (last !== undefined && isOf(last, decision, shorthand)) return last
  let sets = cache.get(first.limit)
  if (sets === undefined) cache.set(first.limit, (sets = []))
  for (const set of sets) {
    if (isOf(set, decision, shorthand)) return (last = set)
  }
  const made = render(decision, shorthand)
  if (sets.length === MAX_SETS) sets.shift()
  sets.push(made)
  return (last = made)
}

/** `q` and `w` of a limit: whole numbers, never more permissive than the limit. */
function advertised(limit: Limit): Pick<Item, 'quota' | 'window'> {
  const algorithm = algorithmOf(limit)
  const seconds = algorithm.windowSeconds(limit)
  return {
    quota: toInteger(algorithm.quota(limit)),
    window: seconds === undefined ? undefined : Math.max(1, toInteger(Math.ceil(seconds))),
  }
}

const NONE: ItemSet = Object.freeze({ items: [], names: [], policies: ['RateLimit-Policy', ''] as const, unnamed: undefined })

function isOf({ limits, policy, shorthand }: Cached, decision: Decision, short: boolean): boolean {
  const { charges } = decision
  if (decision.policy !== policy || short !== shorthand || limits.length !== charges.length) return false
  for (let i = 0; i < limits.length; i++) if (limits[i] !== charges[i]?.limit) return false
  return true
}

function render(decision: Decision, shorthand: boolean): Cached {
  const { policy } = decision
  const limits = decision.charges.map((charge) => charge.limit)
  const items = limits.map((limit) => item(shownName(limit, policy, shorthand), limit))
  const visible = items.filter((each) => each.visible)
  const unnamed = visible
    .flatMap(({ quota, window }) => (window === undefined ? [] : `${sfInteger(quota)};w=${sfInteger(window)}`))
    .join(', ')
  return {
    limits,
    policy,
    shorthand,
    items,
    names: items.map(({ name }) => name),
    policies: visible.length === 0 ? undefined : ['RateLimit-Policy', visible.map((each) => each.policy).join(', ')],
    unnamed: unnamed === '' ? undefined : ['RateLimit-Policy', unnamed],
  }
}

function item(name: string, limit: Limit): Item {
  const { quota, window } = advertised(limit)
  const quoted = sfString(name)
  const policy = `${quoted};q=${sfInteger(quota)}${window === undefined ? ';qu="concurrent-requests"' : `;w=${sfInteger(window)}`}`
  const visible = limit.visible !== false
  return { name, visible, opening: `${quoted};r=`, quota, window, resetsAtOnce: algorithmOf(limit).resetsAtOnce, policy }
}
