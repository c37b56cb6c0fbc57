// A store on Redis, shared by all processes that use the same server and `prefix`.
export { redisStore } from './redis-store.ts'
export type { PackedOptions, RedisStoreOptions } from './options.ts'
export type { GlideClient, NodeRedisClient, RedisClient, RedisSource } from './client/connect.ts'

// What Redis holds for one subject, and which subjects are at a limit.
export { describeSubject } from './inspect/describe-subject.ts'
export type { DescribeOptions } from './inspect/describe-subject.ts'
export type { LimiterDefinition } from './inspect/definitions.ts'
export type { HolderDescription, PolicyDescription, StateDescription, SubjectDescription } from './inspect/description.ts'
export type { LayoutOptions } from './inspect/layout.ts'
export { scanSubjects } from './inspect/scan-subjects.ts'
export type { ScannedSubject, ScanOptions, ScanProgress } from './inspect/scan-subjects.ts'
export { formatSubject } from './inspect/format-subject.ts'

// A table of clients, for policies.
export { redisTable } from './redis-table.ts'
export type { RedisClientRow, RedisTable, RedisTableOptions } from './redis-table.ts'

// Policy documents in Redis: a source for @sluice/policies, and its publisher.
export { redisSource } from './policies/redis-source.ts'
export type { RedisSourceOptions } from './policies/redis-source.ts'
export { publishPolicy } from './policies/publish-policy.ts'
export type { PublishOptions } from './policies/publish-policy.ts'
export type { PolicyKeyOptions } from './policies/policy-keys.ts'

// Which processes follow the documents, and with which revision; and a bounded list of texts, such as an audit log.
export { instances } from './instances/instances.ts'
export type { FollowedFeed, Instances, InstancesOptions, LiveInstance } from './instances/instances.ts'
export { redisJournal } from './journal/redis-journal.ts'
export type { Journal, JournalEntry, JournalOptions } from './journal/redis-journal.ts'

// Top violators and usage in Redis, of all processes.
export { redisAnalytics } from './analytics/redis-analytics.ts'
export type { AnalyticsHealth, RedisAnalytics } from './analytics/redis-analytics.ts'
export { analyticsReader } from './analytics/analytics-reader.ts'
export type { AnalyticsReader } from './analytics/analytics-reader.ts'
export type { AnalyticsObservers, AnalyticsReaderOptions, RedisAnalyticsOptions } from './analytics/options.ts'
export type { SubjectViolations, UsageKey, UsageQuery, UsageRow, ViolationsQuery, Violator, ViolatorsQuery } from './analytics/queries.ts'

// A block list in Redis, for @sluice/blocklist.
export { redisBlockStorage } from './block-list/redis-block-storage.ts'
export type { RedisBlockStorageOptions } from './block-list/redis-block-storage.ts'

// The counts of a store as regions exchange them, for @sluice/regions.
export { redisRegionStorage } from './regions/redis-region-storage.ts'
export type { RedisRegionStorageOptions } from './regions/redis-region-storage.ts'
export type { RedisRegionLink, RedisRegions, RedisRegionStorage, RedisRegionStore } from './regions/types.ts'

export { describeRegions, requestResend } from './regions/describe-regions.ts'
export type { DescribeRegionsOptions, PeerDescription, RegionsDescription, SharesDescription } from './regions/describe-regions.ts'
export { streamTransport } from './regions/streams/stream-transport.ts'
export type { StreamEnvelope, StreamTransport } from './regions/streams/stream-transport.ts'
export type { StreamTransportOptions } from './regions/streams/options.ts'

// The error of a decision that Redis could not make, and every code that this package adds to those of @sluice/core.
export { REDIS_CODES, type RedisAnswer, RedisStoreError } from './errors.ts'
