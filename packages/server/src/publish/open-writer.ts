import { fileURLToPath } from 'node:url'
import { etcdWriter } from './etcd-writer.ts'
import { fileWriter } from './file-writer.ts'
import { httpWriter } from './http-writer.ts'
import { redisWriter } from './redis-writer.ts'
import type { PolicyWriter } from './writer.ts'

/** The options of `policyWriter`. */
export interface PolicyWriterOptions {
  /** Sent to http and https as `Authorization: Bearer`. Default: none. */
  readonly token?: string | undefined
}

/**
 * The place that a URL names, to which documents are published: `file:sluice.yaml`, `redis://host:6379/0?key=sluice:policies`,
 * `etcd://host:2379/sluice/policies/`, `https://host/sluice.yaml`. `rediss` and `etcds` use TLS.
 * @returns `undefined` for another URL
 * @example
 * ```ts
 * import { policyWriter } from '@sluice/server'
 *
 * const writer = await policyWriter('file:sluice.yaml')
 * const current = await writer?.read(undefined)
 * console.log(current?.namespace, current?.revision)
 * writer?.close()
 * ```
 */
export async function policyWriter(to: string, { token }: PolicyWriterOptions = {}): Promise<PolicyWriter | undefined> {
  const [, scheme, rest = ''] = /^([a-z]+):(.*)$/.exec(to) ?? []
  if (scheme === 'file' && rest !== '') return fileWriter(rest.startsWith('//') ? fileURLToPath(to) : rest)
  if (scheme === 'etcd' || scheme === 'etcds') return await etcdWriter(to)
  if (!URL.canParse(to) || !rest.startsWith('//')) return undefined
  if (scheme === 'redis' || scheme === 'rediss') return await redisWriter(to)
  const { username, password } = new URL(to)
  if ((scheme === 'http' || scheme === 'https') && username === '' && password === '') return httpWriter(to, token)
  return undefined
}
