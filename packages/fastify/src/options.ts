import type { RateLimitOptions } from '@sluice/core'
import { invalid } from '@sluice/core/adapter-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'

export const STAGES = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const

/** The hook in which a request is decided. */
export type Stage = (typeof STAGES)[number]

/** The options of `createHook`: those of core. Option functions get Fastify's request. */
export interface FastifyHookOptions<N extends string = string> extends RateLimitOptions<FastifyRequest, FastifyReply, N> {}

/** The options of one limiter of the plugin: those of core, and `hook`. */
export interface FastifyLimitOptions extends FastifyHookOptions {
  /**
   * The hook in which a request is decided: `'onRequest'`, `'preParsing'`, `'preValidation'` or `'preHandler'`. Default: `'onRequest'`,
   * before the body is read, so that a refused request costs little; `'preValidation'` if a key reads the body by `body()`. `'onRequest'`
   * runs in the order of registration, any other after the hooks of the app and of the route.
   */
  readonly hook?: Stage | undefined
}

/** The hook in which the options decide. @throws ERR_OPTION_INVALID */
export function stageOf({ hook, key, limits, tiers }: FastifyLimitOptions): Stage {
  if (hook !== undefined && !STAGES.includes(hook))
    throw invalid('hook', "'onRequest', 'preParsing', 'preValidation' or 'preHandler'", hook)
  const rules = [...(limits ?? []), ...Object.values(tiers ?? {}).flat()]
  const parts = [key, ...rules.map((rule) => rule.key)].flat()
  const readsBody = parts.some((part) => typeof part === 'object' && part.name.startsWith('body:'))
  return hook ?? (readsBody ? 'preValidation' : 'onRequest')
}
