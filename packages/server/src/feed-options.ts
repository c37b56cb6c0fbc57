import { invalid, knownOptions } from '@sluice/core/adapter-kit'
import type { FeedOptions } from '@sluice/policies'

/** How the service follows its documents. Each is an option of `policyFeed`. */
export type ServiceFeedOptions = Pick<
  FeedOptions,
  'namespaces' | 'cache' | 'fallback' | 'onMissing' | 'ceilings' | 'clients' | 'ipv6Prefix' | 'startTimeout' | 'on'
>
export type FeedSettings = ServiceFeedOptions

const KNOWN = ['namespaces', 'cache', 'fallback', 'onMissing', 'ceilings', 'clients', 'ipv6Prefix', 'startTimeout', 'on'] as const

/** `policyFeed` checks the values. @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function feedSettings(feed: ServiceFeedOptions = {}): FeedSettings {
  if (typeof feed !== 'object' || feed === null) throw invalid('serve: feed', 'an object of options of policyFeed', feed)
  knownOptions('serve: feed', feed, KNOWN)
  return feed
}
