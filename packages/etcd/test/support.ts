import { setTimeout as sleep } from 'node:timers/promises'
import { type EtcdSourceOptions, etcdSource } from '@sluice/etcd'
import type { FeedOptions } from '@sluice/policies'
import { type Followed, followedSource } from '@sluice/testing'

export { holdsRevision as holds, policyText as document } from '@sluice/testing'

export const followed = (options: EtcdSourceOptions, feedOptions: Partial<FeedOptions> = {}): Promise<Followed> =>
  followedSource(etcdSource(options), feedOptions)

/** Until the watch is open: a change right after the start would come by the load. */
export const settled = (): Promise<void> => sleep(300)
