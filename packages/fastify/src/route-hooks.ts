import { invalid } from '@sluice/core/adapter-kit'
import type { FastifyContextConfig } from 'fastify'
import { type FastifyRateLimit, hookOf } from './hook.ts'
import { type FastifyLimitOptions, type Stage, stageOf } from './options.ts'
import { inheritOptions, limiterName, type RouteIdentity, sharingKey } from './route-options.ts'

/** A hook, and the stage in which it decides. */
export interface StagedHook {
  readonly stage: Stage
  readonly hook: FastifyRateLimit
}

export type RouteLimit = FastifyContextConfig['rateLimit'] | null

interface Settings {
  readonly options: FastifyLimitOptions
  readonly global: boolean
  /** The property of the request that gets the decision. */
  readonly decorator: string
  /** The key in the `config` of a route, for messages. */
  readonly configKey: string
  /** Called with each hook that is made, and its options. */
  readonly onMade: (hook: FastifyRateLimit, options: FastifyLimitOptions) => void
}

/** The hooks of one registration of the plugin: its own, and those of routes with options. */
export class RouteHooks {
  /** The hook of routes without options. */
  readonly own: StagedHook
  private readonly settings: Settings
  private readonly byOptions = new WeakMap<object, Map<string, StagedHook>>()

  constructor(settings: Settings) {
    this.settings = settings
    this.own = this.staged(settings.options)
  }

  /** The hook for the `config` of a route; `undefined` if the route is not limited. */
  of(limit: RouteLimit, route: RouteIdentity): StagedHook | undefined {
    if (limit === undefined || limit === null) return this.settings.global ? this.own : undefined
    if (typeof limit === 'boolean') return limit ? this.own : undefined
    if (typeof limit !== 'object') throw invalid(`config.${this.settings.configKey}`, 'true, false or options', limit)
    const hooks = this.byOptions.get(limit) ?? new Map<string, StagedHook>()
    this.byOptions.set(limit, hooks)
    const key = sharingKey(route)
    const staged = hooks.get(key) ?? this.staged(this.inherited(limit, limiterName(route)))
    hooks.set(key, staged)
    return staged
  }

  /** A hook with options over those of the plugin; without, the plugin's own. */
  decorated(given: FastifyLimitOptions | undefined): FastifyRateLimit {
    return given === undefined ? this.own.hook : this.staged(this.inherited(given, undefined)).hook
  }

  private inherited(given: FastifyLimitOptions, name: string | undefined): FastifyLimitOptions {
    return inheritOptions(this.settings.options, this.own.hook.limiter, given, name)
  }

  private staged(options: FastifyLimitOptions): StagedHook {
    const { hook: _stage, ...shared } = options
    const hook = hookOf(shared, this.settings.decorator)
    this.settings.onMade(hook, options)
    return { hook, stage: stageOf(options) }
  }
}
