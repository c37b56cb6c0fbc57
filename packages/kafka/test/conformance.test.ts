// The contract of a policy source, on Kafka behind a proxy.
import { kafkaSource } from '@sluice/kafka'
import { policySourceConformance } from '@sluice/testing'
import { type ProxiedKafka, startProxiedKafka } from '@sluice/testing/kafka'
import type { TcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { LIBRARIES, Topic } from './clients.ts'

let kafka: ProxiedKafka
let proxy: TcpProxy
beforeAll(async () => {
  kafka = await startProxiedKafka(1)
  proxy = kafka.proxies[0] as TcpProxy
}, 90_000)
afterAll(() => kafka?.stop())

for (const name of ['kafkajs', 'platformatic 2'] as const) {
  policySourceConformance(
    name,
    async () => {
      await proxy.refuse(false)
      const topic = await new Topic(kafka.server.address).created()
      const source = kafkaSource({ client: LIBRARIES[name].client(`${proxy.host}:${proxy.port}`), topic: topic.name })
      onTestFinished(async () => {
        await proxy.refuse(false)
        await source.close?.()
      })
      return {
        source,
        keys: ['shop', 'other'],
        put: (key, text) => topic.write({ key, text }),
        remove: (key) => topic.write({ key, text: null }),
        cut: () => proxy.cut(),
        away: (isAway) => proxy.refuse(isAway),
      }
    },
    { runs: 8 },
  )
}
