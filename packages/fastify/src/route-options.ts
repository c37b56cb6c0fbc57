import { type Limiter, SluiceError } from '@sluice/core'
import type { FastifyLimitOptions } from './hook.ts'

type Name = keyof FastifyLimitOptions

const QUANTITIES = ['limit', 'window'] as const satisfies readonly Name[]
const LISTS = ['limits', 'tiers'] as const satisfies readonly Name[]
const DEFINING = [...QUANTITIES, ...LISTS, 'name', 'store', 'mode', 'failMode', 'on'] as const satisfies readonly Name[]

/**
 * A route's options over the plugin's. With one that defines a limiter the route has a limiter of its own, under `name`;
 * with the others (`cost`, `hook`, `message`…) it spends the plugin's quota in its own way.
 * @throws ERR_OPTION_CONFLICT
 */
export function over(base: FastifyLimitOptions, limiter: Limiter, own: FastifyLimitOptions, name: string | undefined): FastifyLimitOptions {
  const gives = (names: readonly Name[]): boolean => names.some((each) => own[each] !== undefined)
  if (!gives(DEFINING)) {
    // Such a function is the plugin's, not its limiter's: without it, this route would be held to another quantity.
    if (own.limiter === undefined && [base.limit, base.window].some((value) => typeof value === 'function'))
      throw new SluiceError(
        'ERR_OPTION_CONFLICT',
        'config.rateLimit: expected limit or window beside these options, since those of the plugin are functions',
      )
    return { ...without(base, DEFINING), limiter, ...own }
  }
  const replaced: Name[] = []
  if (gives([...QUANTITIES, ...LISTS])) replaced.push('limiter', ...LISTS)
  if (gives(LISTS)) replaced.push(...QUANTITIES)
  if (replaced.length > 0 && own.tiers === undefined) replaced.push('tier')
  return { ...without(base, replaced), name, ...own }
}

function without(options: FastifyLimitOptions, names: readonly Name[]): FastifyLimitOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !(names as readonly string[]).includes(name)))
}

/** What a route's limiter is called, for its state and for clients: `GET.users._id`. The same in every process. */
export function nameOf(url: string | undefined, methods: string | readonly string[] | undefined): string {
  if (url === undefined) return 'notFound'
  const path = url.split('/').filter((part) => part !== '')
  return [[methods ?? []].flat().join('-'), ...path]
    .filter((part) => part !== '')
    .join('.')
    .replaceAll(/[^A-Za-z0-9_.-]/g, '_')
}
