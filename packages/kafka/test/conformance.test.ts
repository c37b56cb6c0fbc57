// The contract of a policy source, on Kafka behind a proxy.
import { kafkaSource } from '@sluice/kafka'
import { policySourceConformance } from '@sluice/testing'
import { type KafkaServer, startKafka } from '@sluice/testing/kafka'
import { freePort, type TcpProxy, tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { LIBRARIES, Topic } from './clients.ts'

let server: KafkaServer
let proxy: TcpProxy
beforeAll(async () => {
  // A client connects to the address that the broker names, so the broker names the proxy to those that come through it.
  const port = await freePort()
  proxy = await tcpProxy({ host: '127.0.0.1', port })
  server = await startKafka({}, { port, advertised: proxy.port })
}, 90_000)
afterAll(async () => {
  await server?.stop()
  await proxy?.close()
})

for (const name of ['kafkajs', 'platformatic 2'] as const) {
  policySourceConformance(
    name,
    async () => {
      await proxy.refuse(false)
      const topic = await new Topic(server.address).created()
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
