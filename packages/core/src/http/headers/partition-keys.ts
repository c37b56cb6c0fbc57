import type { Decision } from '../../decision.ts'
import { invalid } from '../../errors.ts'
import { runtime } from '../../runtime.ts'

/** The partition key of each charge of a decision, in the order of `decision.charges`. */
export type PartitionKeys = (decision: Decision) => Promise<readonly Uint8Array[]>

/**
 * Makes partition keys: an HMAC-SHA-256 of each charge's subject under the secret, cut to 16 bytes. A hash without a secret would
 * be reversible, since there are few addresses.
 */
export function partitionKeysBy(secret: string): PartitionKeys {
  const { crypto, TextEncoder } = runtime
  const encoder = new TextEncoder()
  // Imported with the first request: edge runtimes allow no asynchronous work before a request.
  let imported: Promise<object> | undefined
  return async ({ charges }) => {
    if (crypto === undefined) throw invalid('partitionKey', 'a runtime with Web Crypto', crypto)
    imported ??= crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const key = await imported
    return Promise.all(
      charges.map(async ({ subject }) => new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(subject))).slice(0, 16)),
    )
  }
}
