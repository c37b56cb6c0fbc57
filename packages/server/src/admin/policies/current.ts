import { createHash } from 'node:crypto'
import { SluiceError } from '@sluice/core'
import { quoted } from '@sluice/core/adapter-kit'
import type { PolicyFeed } from '@sluice/policies'

/** The document in force. @throws ERR_NAMESPACE_UNKNOWN */
export function currentOf(feed: PolicyFeed, namespace: string): NonNullable<ReturnType<PolicyFeed['inForce']>> {
  const current = feed.inForce(namespace)
  if (current !== undefined) return current
  throw new SluiceError('ERR_NAMESPACE_UNKNOWN', `namespace: expected one that the service has, got ${quoted(namespace)}`)
}

/** Names a text: equal texts have equal tags. */
export function etagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
}
