import { type Limiter, SluiceError } from '@sluice/core'
import { derivedName } from '@sluice/core/adapter-kit'
import type { FastifyLimitOptions } from './options.ts'

type Name = keyof FastifyLimitOptions

const QUANTITIES = ['limit', 'window'] as const satisfies readonly Name[]
const LISTS = ['limits', 'tiers'] as const satisfies readonly Name[]
const DEFINING = [...QUANTITIES, ...LISTS, 'name', 'store', 'mode', 'failMode', 'on'] as const satisfies readonly Name[]

/**
 * The options of a route over those of the plugin. An option that defines a limiter gives the route its own limiter, called `name`.
 * With other options (`cost`, `hook`, `message`…) the route shares the quota of the plugin.
 * @throws ERR_OPTION_CONFLICT
 */
export function inheritOptions(
  base: FastifyLimitOptions,
  limiter: Limiter,
  own: FastifyLimitOptions,
  name: string | undefined,
): FastifyLimitOptions {
  const hasAny = (names: readonly Name[]): boolean => names.some((each) => own[each] !== undefined)
  if (!hasAny(DEFINING)) {
    // The functions are options of the plugin, not of its limiter: without them, this route would have another limit.
    if (own.limiter === undefined && [base.limit, base.window].some((value) => typeof value === 'function'))
      throw new SluiceError(
        'ERR_OPTION_CONFLICT',
        'config.rateLimit: expected limit or window beside these options, since those of the plugin are functions',
      )
    return { ...without(base, DEFINING), limiter, ...own }
  }
  const replaced: Name[] = []
  if (hasAny([...QUANTITIES, ...LISTS])) replaced.push('limiter', ...LISTS)
  if (hasAny(LISTS)) replaced.push(...QUANTITIES)
  if (replaced.length > 0 && own.tiers === undefined) replaced.push('tier')
  return { ...without(base, replaced), name, ...own }
}

function without(options: FastifyLimitOptions, names: readonly Name[]): FastifyLimitOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !(names as readonly string[]).includes(name)))
}

/** The name of a route's limiter, such as `GET.users._id`: the same in every process. A long one is cut, and ends with a hash. */
export function limiterName(url: string | undefined, methods: string | readonly string[] | undefined): string {
  if (url === undefined) return 'notFound'
  const path = url.split('/').filter((part) => part !== '')
  const parts = [[methods ?? []].flat().join('-'), ...path].filter((part) => part !== '')
  return derivedName(parts.join('.').replaceAll(/[^A-Za-z0-9_.-]/g, '_'), parts.join('/'))
}
