import { invalid, knownOptions, type PublishAnswer } from '@sluice/core/store-kit'
import { connect, type RedisSource } from '../client/connect.ts'
import { script } from '../scripts/script.ts'
import { PUBLISH_POLICY } from '../scripts/scripts.gen.ts'
import { type PolicyKeyOptions, policyKeys } from './policy-keys.ts'
import { runWhenReady } from '../client/ready.ts'

/** The options of `publishPolicy`. */
export interface PublishOptions extends PolicyKeyOptions {
  /** The namespace of the document. */
  readonly namespace: string
  /** The revision of the document: a whole number, at least 1. */
  readonly revision: number
  /** The document itself, in YAML or JSON: at most 1 MiB. Check it with `parseDocument` first. */
  readonly text: string
  /** The revision that Redis must have now: a whole number; 0 for none. Default: any that is lower. */
  readonly previous?: number | undefined
}

const PUBLISH = script('', PUBLISH_POLICY)
/** The changes that the stream keeps. A process that missed more of them reads all documents. */
const KEPT_CHANGES = 1_000
const MAX_BYTES = 1_048_576
const NAMESPACE = /^[A-Za-z][\w.-]{0,63}$/

/**
 * Writes a document for `redisSource`, if Redis has a lower revision, or the one that `previous` names. A second attempt after a lost answer
 * writes nothing more.
 * @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { parseDocument } from '@sluice/policies'
 * import { publishPolicy } from '@sluice/redis'
 *
 * const text = readFileSync('sluice.yaml', 'utf8')
 * const { namespace, revision } = parseDocument(text, { source: 'sluice.yaml' })
 * const { isPublished, current } = await publishPolicy({ url: 'redis://localhost:6379' }, { namespace, revision, text })
 * if (!isPublished) console.error(`Redis has revision ${current} already`)
 * ```
 */
export async function publishPolicy(redis: RedisSource, options: PublishOptions): Promise<PublishAnswer> {
  knownOptions('publishPolicy', options, ['key', 'namespace', 'revision', 'text', 'previous'])
  const { namespace, revision, text, previous } = options
  const keys = policyKeys('publishPolicy', options)
  if (typeof namespace !== 'string' || !NAMESPACE.test(namespace))
    throw invalid('publishPolicy: namespace', 'a letter, then at most 63 letters, digits, _ . or -', namespace)
  if (!(Number.isSafeInteger(revision) && revision >= 1)) throw invalid('publishPolicy: revision', 'a whole number, at least 1', revision)
  if (previous !== undefined && !(Number.isSafeInteger(previous) && previous >= 0))
    throw invalid('publishPolicy: previous', 'a whole number, at least 0', previous)
  if (typeof text !== 'string' || text.trim() === '' || Buffer.byteLength(text) > MAX_BYTES)
    throw invalid('publishPolicy: text', `a document of at most ${MAX_BYTES} bytes`, typeof text)
  const connection = connect(redis)
  try {
    const args = [namespace, String(revision), text, previous === undefined ? '' : String(previous), String(KEPT_CHANGES)]
    const [done, current] = await runWhenReady(connection, PUBLISH, { keys, args })
    return { isPublished: Number(done) === 1, current: String(current) === '' ? undefined : Number(String(current)) }
  } finally {
    if (connection.isOwn) connection.client.disconnect()
  }
}
