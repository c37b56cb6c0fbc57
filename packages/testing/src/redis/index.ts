// Entry `@sluice/testing/redis`: real Redis servers for tests, and a proxy that injects network faults. The servers end with
// the test process, even when it is killed.

/** Servers. */
export { redisServerBinary } from './server-binary.ts'
export { otherServer, type OtherServerName } from './other-servers.ts'
export { type ClientOptions, type RedisServer, type StartRedis, startRedis } from './server.ts'
export { type ClusterNode, type RedisCluster, type StartCluster, startCluster } from './cluster.ts'
export { type MoveHooks } from './slots.ts'
export { type RedisSentinel, startSentinel } from './sentinel.ts'

/** Stores on these servers. */
export { storePerCase } from './store-per-case.ts'

/** A proxy between clients and servers. */
export { type Direction, type ProxyStats } from './proxied-connection.ts'
export { type LoseReplies, type RequestHook, type TcpProxy, tcpProxy } from './proxy.ts'
export { freePort } from './ports.ts'

/** Checks of the keys. */
export { type TtlRules, type TtlViolation, ttlViolations } from './ttl-violations.ts'

/** Waiting for a condition instead of a time. */
export { waitUntil } from '../processes/wait-until.ts'
