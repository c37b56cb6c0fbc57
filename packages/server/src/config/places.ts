import { SluiceError } from '@sluice/core'
import { fileSource, httpSource, type PolicySource } from '@sluice/policies'
import { redisPlace } from '../publish/redis-place.ts'
import { kafkaOf, kafkaPlace } from './kafka.ts'

/** How the place of documents is read. */
export interface PlaceOptions {
  /** ms between two looks, where nothing else is noticed. */
  readonly interval?: number | undefined
  /** Sent to an https source. */
  readonly token?: string | undefined
}

/**
 * The source that a place names: a path, `file:PATH`, `redis://…?key=…`, `etcd://host:2379,host:2379/prefix/`, `kafka://host:9092/topic` or
 * `https://…`. `rediss`, `etcds` and `kafkas` are with TLS.
 * @throws ERR_CONFIG_INVALID
 */
export async function sourceAt(place: string, setting: string, { interval, token }: PlaceOptions = {}): Promise<PolicySource> {
  const [, scheme = '', rest = ''] = /^([a-z]{2,}):(.*)$/s.exec(place) ?? []
  if (scheme === '' || scheme === 'file') return fileSource(scheme === '' ? place : rest.replace(/^\/\/(?=\/)/, ''), { interval })
  if (scheme === 'redis' || scheme === 'rediss') return await redisAt(place, setting)
  if (scheme === 'etcd' || scheme === 'etcds') return await etcdAt(place, setting)
  if (scheme === 'kafka' || scheme === 'kafkas') return await kafkaAt(place, setting)
  if (scheme === 'http' || scheme === 'https')
    return httpSource(place, { interval, ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }) })
  throw unknownPlace(setting)
}

/** Where the documents of a place are published to; `undefined` for a place to which nobody can write by its name alone. */
export function publishPlaceOf(place: string | undefined): string | undefined {
  const [, scheme = ''] = /^([a-z]{2,}):/.exec(place ?? '') ?? []
  if (place === undefined || scheme === '') return place && `file:${place}`
  return /^(?:file|rediss?|etcds?)$/.test(scheme) ? place : undefined
}

async function redisAt(place: string, setting: string): Promise<PolicySource> {
  if (!URL.canParse(place)) throw unknownPlace(setting)
  // Loaded here, since most services need one of them.
  const { redisSource } = await import('@sluice/redis')
  const url = new URL(place)
  const key = url.searchParams.get('key') ?? undefined
  url.searchParams.delete('key')
  return redisSource(await redisPlace({ url: url.href, options: {} }), { key })
}

async function etcdAt(place: string, setting: string): Promise<PolicySource> {
  const [, scheme, credentials, hosts, path = ''] = /^(etcds?):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/.exec(place) ?? []
  if (hosts === undefined) throw unknownPlace(setting)
  const { etcdSource } = await import('@sluice/etcd')
  const endpoints = hosts.split(',').map((host) => `${scheme === 'etcds' ? 'https' : 'http'}://${host}`)
  const [user, password = ''] = credentials?.split(':').map(decodeURIComponent) ?? []
  return etcdSource({
    endpoints,
    ...(path !== '' && { prefix: path.replace(/\/*$/, '/') }),
    ...(user !== undefined && { user, password }),
  })
}

async function kafkaAt(place: string, setting: string): Promise<PolicySource> {
  const at = kafkaPlace(place)
  if (at?.topic === undefined) throw unknownPlace(setting)
  const { kafkaSource } = await import('@sluice/kafka')
  return kafkaSource({ client: await kafkaOf(at, setting), topic: at.topic })
}

/** Not the text itself, since it may have a password. */
function unknownPlace(setting: string): SluiceError {
  return new SluiceError(
    'ERR_CONFIG_INVALID',
    `${setting}: expected a path, redis://host:6379/0?key=…, etcd://host:2379/prefix/, kafka://host:9092/topic or https://host/path, got another text`,
  )
}
