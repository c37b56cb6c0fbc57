import { invalid, keptAlive, knownOptions } from '@sluice/core/adapter-kit'
import type { CeilingsDocument } from '../ceilings.ts'
import { checkCeilingsData } from '../parse.ts'
import type { FeedOptions } from './options.ts'
import { isSource } from './ceilings-in-force.ts'
import { PolicyFeed } from './policy-feed.ts'

const KNOWN = [
  'source',
  'namespaces',
  'cache',
  'fallback',
  'onMissing',
  'ceilings',
  'store',
  'clients',
  'ipv6Prefix',
  'startTimeout',
  'on',
  'clock',
] as const

/**
 * Follows the documents of a source, and resolves when there is one. While the source is away, or has a document that is not valid, the
 * last good document stays in force.
 * @throws ERR_POLICY_UNAVAILABLE if there is no document after `startTimeout`; ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN
 * @example
 * ```ts
 * import { fileSource, policyFeed } from '@sluice/policies'
 *
 * const feed = await policyFeed({
 *   source: fileSource('sluice.yaml'),
 *   on: {
 *     change: ({ document }) => console.log('in force:', document.namespace, document.revision),
 *     warning: ({ message }) => console.warn(message),
 *   },
 * })
 * console.log(feed.namespaces, feed.health())
 * await feed.close()
 * ```
 */
export async function policyFeed(options: FeedOptions): Promise<PolicyFeed> {
  knownOptions('policyFeed', options, KNOWN)
  const { source, startTimeout, namespaces, cache, onMissing, ceilings } = options
  if (!isSource(source)) throw invalid('policyFeed: source', "a source such as fileSource('sluice.yaml')", source)
  if (ceilings !== undefined && !isSource(ceilings)) {
    if ((ceilings as Partial<CeilingsDocument> | null)?.kind !== 'ceilings')
      throw invalid('policyFeed: ceilings', "what parseCeilings() returns, or a source such as fileSource('ceilings.yaml')", ceilings)
    checkCeilingsData(ceilings, 'policyFeed: ceilings')
  }
  if (startTimeout !== undefined && !(Number.isFinite(startTimeout) && startTimeout >= 0))
    throw invalid('policyFeed: startTimeout', 'milliseconds, 0 or more', startTimeout)
  if (namespaces !== undefined && !(Array.isArray(namespaces) && namespaces.length > 0))
    throw invalid('policyFeed: namespaces', 'a list of at least one namespace', namespaces)
  if (cache !== undefined && (typeof cache !== 'string' || cache === '')) throw invalid('policyFeed: cache', 'the path of a folder', cache)
  if (onMissing !== undefined) {
    if (onMissing !== 'open' && onMissing !== 'closed') throw invalid('policyFeed: onMissing', "'open' or 'closed'", onMissing)
    if (namespaces === undefined) throw invalid('policyFeed: namespaces', 'the namespaces that onMissing is for', namespaces)
  }
  const feed = new PolicyFeed(options)
  await keptAlive(feed.start())
  return feed
}
