// Real Redis servers for tests, gone afterwards whatever happens, and what is needed to hurt them.

/** Servers. */
export { redisServerBinary } from './server-binary.ts'
export { type ClientOptions, type RedisServer, type StartRedis, startRedis } from './server.ts'
export { type ClusterNode, type RedisCluster, type StartCluster, startCluster } from './cluster.ts'
export { type MoveHooks } from './slots.ts'
export { type RedisSentinel, type StartSentinel, startSentinel } from './sentinel.ts'

/** Stores on them. */
export { storePerCase } from './store-per-case.ts'

/** The way to them. */
export { type Direction, type ProxyStats } from './proxied-connection.ts'
export { type LoseReplies, type RequestHook, type TcpProxy, tcpProxy } from './proxy.ts'
export { freePort } from './ports.ts'

/** What they hold. */
export { type TtlRules, type TtlViolation, ttlViolations } from './ttl-violations.ts'

/** Waiting for them: a condition, not a time. */
export { waitUntil } from '../processes/wait-until.ts'
