import type { Type } from '@nestjs/common'
import type { ApplicationConfig } from '@nestjs/core'
import { guardsWith } from './guard.ts'
import { metadataOf } from './metadata.ts'
import type { Routes } from './routes.ts'

// Nest does not export the keys under which @UseGuards() and @WebSocketGateway() store their options.
const GUARDS = '__guards__'
const GATEWAY = 'websockets:is_gateway'
const SHOWN = 3

/** Whether decorators of the method or its class add limits, change limits, or set a cost. */
export function hasLimits(method: Function, type: Type): boolean {
  return [metadataOf(method), metadataOf(type)].some(({ limits, cost }) => limits.length > 0 || cost !== undefined)
}

/** Whether RateLimitGuard is bound to the method, its class or the whole application. */
export function isGuarded(method: Function, type: Type, config: ApplicationConfig, routes: Routes): boolean {
  const local = [method, type].flatMap((target) => (Reflect.getMetadata(GUARDS, target) as readonly unknown[] | undefined) ?? [])
  return [...local, ...globalGuardsOf(type, config)].some((guard) => guardsWith(guard, routes))
}

function globalGuardsOf(type: Type, config: ApplicationConfig): readonly unknown[] {
  // Below Nest 12, which added this method, global guards do not reach gateways.
  if (Reflect.hasMetadata(GATEWAY, type) && !('registerPreRequestHook' in config)) return []
  return [...config.getGlobalGuards(), ...config.getGlobalRequestGuards().map(({ metatype }) => metatype)]
}

export function unguardedMessage(methods: readonly string[]): string {
  const more = methods.length > SHOWN ? ` and ${methods.length - SHOWN} more` : ''
  return `decorators of ${methods.slice(0, SHOWN).join(', ')}${more} have no effect, since RateLimitGuard is not bound there; bind it with { provide: APP_GUARD, useClass: RateLimitGuard }, or with @UseGuards(RateLimitGuard)`
}
