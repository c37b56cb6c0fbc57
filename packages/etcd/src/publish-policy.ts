import { systemClock } from '@sluice/core'
import { invalid, knownOptions, type PublishAnswer } from '@sluice/core/store-kit'
import { parseDocument } from '@sluice/policies'
import { EtcdClient } from './etcd-client.ts'
import { decoded, encoded, type RangeAnswer, type TxnAnswer } from './messages.ts'
import { type EtcdOptions, settingsOf } from './options.ts'

/** A document that is to be published. */
export interface EtcdPublication {
  /** The document, in YAML or JSON. */
  readonly text: string
  /** The revision of the document that etcd must have now: a whole number; 0 for none. Default: any that is lower. */
  readonly previous?: number | undefined
}

/** How often a document is compared again after another one was written meanwhile. */
const ATTEMPTS = 10

/**
 * Writes a document for `etcdSource`, if etcd has a lower revision, or the one that `previous` names. A second attempt after a lost answer
 * writes nothing more.
 * @throws ERR_POLICY_INVALID for a document that is not valid; ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { publishPolicy } from '@sluice/etcd'
 *
 * const text = readFileSync('sluice.yaml', 'utf8')
 * const { isPublished, current } = await publishPolicy({ endpoints: ['http://127.0.0.1:2379'] }, { text })
 * if (!isPublished) console.error(`etcd has revision ${current} already`)
 * ```
 */
export async function publishPolicy(etcd: EtcdOptions, publication: EtcdPublication): Promise<PublishAnswer> {
  const settings = settingsOf('publishPolicy', etcd)
  knownOptions('publishPolicy', publication, ['text', 'previous'])
  const { text, previous } = publication
  if (typeof text !== 'string') throw invalid('publishPolicy: text', 'a document in YAML or JSON', typeof text)
  if (previous !== undefined && !(Number.isSafeInteger(previous) && previous >= 0))
    throw invalid('publishPolicy: previous', 'a whole number, at least 0', previous)
  const { namespace, revision } = parseDocument(text)
  const client = new EtcdClient(settings, systemClock)
  const { signal } = new AbortController()
  const key = encoded(`${settings.prefix}${namespace}`)
  let current: number | undefined
  for (let i = 0; i < ATTEMPTS; i++) {
    const { kvs } = await client.ask<RangeAnswer>('kv/range', { key }, signal)
    const stored = kvs?.[0]
    current = stored === undefined ? undefined : revisionIn(decoded(stored.value))
    // The answer of an attempt whose reply was lost.
    if (stored !== undefined && decoded(stored.value) === text) return { isPublished: true, current: revision }
    if (previous !== undefined && (stored === undefined ? 0 : current) !== previous) return { isPublished: false, current }
    if (current !== undefined && current >= revision) return { isPublished: false, current }
    const isUnchanged = { key, target: 'MOD', result: 'EQUAL', mod_revision: stored?.mod_revision ?? '0' }
    const write = { request_put: { key, value: encoded(text) } }
    const { succeeded } = await client.ask<TxnAnswer>('kv/txn', { compare: [isUnchanged], success: [write] }, signal)
    if (succeeded === true) return { isPublished: true, current: revision }
  }
  return { isPublished: false, current }
}

/** `undefined` for what is no document: a valid one may take its place. */
function revisionIn(text: string): number | undefined {
  try {
    return parseDocument(text).revision
  } catch {
    return undefined
  }
}
