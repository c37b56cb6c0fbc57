import type { ServerConfig } from '../config/config.ts'

/** What the workers of a service do not share, as a line at the start: the console and the admin API show the worker that answers. */
export function workersNote({ redis = {}, blocks, admin }: Pick<ServerConfig, 'redis' | 'blocks' | 'admin'>): string | undefined {
  const hasRedis = (redis.url ?? redis.cluster ?? redis.sentinels) !== undefined
  const own = [
    ...(hasRedis ? [] : ['the whole of every limit']),
    ...(blocks === undefined ? (isOn(admin) ? ['blocks by hand'] : []) : hasRedis ? [] : ['a block list']),
    ...(isOn(admin) ? ['live figures', 'recorded requests', ...(hasRedis ? [] : ['an audit log'])] : []),
  ]
  if (own.length === 0) return undefined
  const list = own.length === 1 ? own[0] : `${own.slice(0, -1).join(', ')} and ${own.at(-1)}`
  const cure = blocks === undefined && hasRedis && isOn(admin) ? '; with a section blocks, blocks are shared over Redis' : ''
  return `workers: each has ${list} of its own${cure}`
}

function isOn({ enabled, tokens, certificates }: NonNullable<ServerConfig['admin']> = {}): boolean {
  return enabled ?? (tokens !== undefined || certificates !== undefined)
}
