// The contract of a policy source, on etcd behind a proxy.
import { etcdSource } from '@sluice/etcd'
import { policySourceConformance } from '@sluice/testing'
import { type EtcdMember, startEtcd } from '@sluice/testing/etcd'
import { tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

let etcd: EtcdMember
let opened = 0
beforeAll(async () => {
  etcd = await startEtcd()
})
afterAll(() => etcd.stop())

policySourceConformance('etcd', async () => {
  const prefix = `policies-${(opened += 1)}/`
  const proxy = await tcpProxy(etcd)
  onTestFinished(() => proxy.close())
  let last = '1'
  return {
    source: etcdSource({ endpoints: [`http://${proxy.host}:${proxy.port}`], prefix }),
    keys: [`${prefix}shop`, `${prefix}other`],
    put: async (key, text) => (last = await etcd.put(key, text)),
    remove: (key) => etcd.remove(key),
    cut: () => proxy.cut(),
    away: (isAway) => proxy.refuse(isAway),
    // Fails for a revision that was compacted before.
    forget: () => etcd.compact(last).catch(() => undefined),
  }
})
