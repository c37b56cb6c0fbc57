import type { Decision } from '../decision.ts'
import { runtime } from '../runtime.ts'

/**
 * Names each charge's partition of the quota in the headers: an HMAC-SHA-256 of its subject under the server's secret, cut
 * to 16 bytes. An unsalted hash would be reversible, addresses being few.
 */
export function partitionKeys(secret: string): (decision: Decision) => Promise<readonly Uint8Array[]> {
  const { crypto, TextEncoder } = runtime
  const encoder = new TextEncoder()
  // Imported at the first request: edge runtimes allow no promise before one.
  let imported: Promise<object> | undefined
  return async ({ charges }) => {
    if (crypto === undefined) throw new Error('partitionKey needs Web Crypto, which this runtime has not')
    imported ??= crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const key = await imported
    return Promise.all(
      charges.map(async ({ subject }) => new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(subject))).slice(0, 16)),
    )
  }
}
