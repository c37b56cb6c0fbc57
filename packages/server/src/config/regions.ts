import { millisOf } from '@sluice/core/store-kit'
import type { RedisSource, RedisStoreOptions } from '@sluice/redis'
import type { RedisConfig, RegionsConfig } from './config.ts'
import { redisOf } from './redis.ts'

/** The regions that share the limits, with streams of Redis between them. */
export async function regionsOf(
  source: RedisSource,
  { ca }: RedisConfig,
  { self = '', all = [], others = [], mode, strict = [], local = [], interval, silence, whenSilent }: RegionsConfig,
): Promise<NonNullable<RedisStoreOptions['regions']>> {
  // Loaded here, since most services are in one region.
  const [{ regions }, { streamTransport }] = await Promise.all([import('@sluice/regions'), import('@sluice/redis')])
  const sources = otherRegions(others).map(([name, url]) => [name, redisOf({ url, ca }) ?? source] as const)
  const modes = [...strict.map((name) => [name, 'strict'] as const), ...local.map((name) => [name, 'local'] as const)]
  return regions({
    self,
    all,
    transport: streamTransport({ self: source, others: Object.fromEntries(sources) }),
    ...(mode !== undefined && { mode }),
    policies: Object.fromEntries(modes),
    ...(interval !== undefined && { interval: millisOf(interval as '1s', 'regions.interval') }),
    ...(silence !== undefined && { silence: millisOf(silence as '10s', 'regions.silence') }),
    ...(whenSilent !== undefined && { whenSilent }),
  })
}

/** The names and the URLs of `regions.others`. */
export function otherRegions(others: readonly string[]): readonly (readonly [name: string, url: string])[] {
  return others.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)])
}
