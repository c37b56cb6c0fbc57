import type { RegionsConfig, ServerConfig } from './config.ts'
import type { ConfigProblem } from './problems.ts'
import { otherRegions } from './regions.ts'

const OTHER = /^[\w.-]{1,64}=rediss?:\/\/\S+$/

/** What is wrong between settings that are valid each by itself. */
export function problemsBetween(config: ServerConfig): readonly ConfigProblem[] {
  const { redis = {}, workers = 1, countApart = false, analytics, events, subjects = 'hashed', secret, policies = {} } = config
  const problems: ConfigProblem[] = []
  const add = (where: string, message: string): void => void problems.push({ where, message })
  const places = [redis.url, redis.cluster, redis.sentinels].filter((place) => place !== undefined)
  if (places.length > 1) add('redis', 'expected one of url, cluster and sentinels, got several')
  if ((redis.sentinels === undefined) !== (redis.primary === undefined)) add('redis.primary', 'expected sentinels and primary together')
  if (redis.url !== undefined && !(/^rediss?:\/\//.test(redis.url) && URL.canParse(redis.url)))
    add('redis.url', 'expected a URL such as redis://localhost:6379')
  if (redis.url !== undefined && (redis.username !== undefined || redis.password !== undefined))
    add('redis.password', 'expected the user and the password in redis.url, or a cluster or sentinels')
  if (workers > 1 && places.length === 0 && !countApart)
    add(
      'workers',
      `expected redis, since ${workers} workers in memory would each count alone; set redis, or countApart: true where each may have the whole of every limit`,
    )
  if (analytics?.enabled === true && places.length === 0) add('analytics.enabled', 'expected redis, where usage is counted')
  const hashes = [analytics?.enabled === true ? 'analytics' : undefined, events?.sink === undefined ? undefined : 'events'].filter(
    (part) => part !== undefined,
  )
  if (hashes.length > 0 && subjects === 'hashed' && secret === undefined)
    add(
      'secret',
      `expected a text of at least 16 characters, the same in all processes, since ${hashes.join(' and ')} have subjects; or subjects: plain`,
    )
  if (policies.onMissing !== undefined && policies.namespaces === undefined)
    add('policies.namespaces', 'expected the namespaces that onMissing is for')
  if (config.regions !== undefined) problemsOfRegions(config.regions, places.length > 0, add)
  const { enabled, tokens, certificates } = config.admin ?? {}
  if (enabled === true && workers > 1 && tokens === undefined && certificates === undefined)
    add('admin.tokens', 'expected at least one, since each worker would make another one')
  if (certificates !== undefined && config.http?.tls?.clientCa === undefined)
    add('admin.certificates', 'expected http.tls.clientCa, by which certificates of clients are verified')
  return problems
}

function problemsOfRegions(
  { self = '', all = [], others = [] }: RegionsConfig,
  hasRedis: boolean,
  add: (where: string, message: string) => void,
): void {
  if (!hasRedis) add('regions', 'expected redis, where this region counts')
  if (!all.includes(self)) add('regions.self', `expected one of regions.all, got ${self === '' ? 'none' : `"${self}"`}`)
  // Not the text itself, since a URL may have a password.
  if (!others.every((text) => OTHER.test(text))) return add('regions.others', 'expected NAME=URL, such as us=rediss://redis.us:6379')
  const expected = all.filter((name) => name !== self)
  const named = otherRegions(others).map(([name]) => name)
  if (expected.toSorted().join() !== named.toSorted().join())
    add('regions.others', `expected each other region once (${expected.join(', ')}), got ${named.join(', ') || 'none'}`)
}
