// The contract of a transport between regions, on a topic of Kafka with three partitions.
import { regionTransportConformance } from '@sluice/testing'
import { type ProxiedKafka, startProxiedKafka } from '@sluice/testing/kafka'
import type { TcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll } from 'vitest'
import { Topic } from '../clients.ts'
import { TRANSPORTS } from './transports.ts'

let kafka: ProxiedKafka
let proxy: TcpProxy
beforeAll(async () => {
  kafka = await startProxiedKafka(1)
  proxy = kafka.proxies[0] as TcpProxy
}, 90_000)
afterAll(() => kafka?.stop())

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const names = isFull ? (['kafkajs', 'platformatic 2', 'platformatic 1'] as const) : (['kafkajs', 'platformatic 2'] as const)
for (const name of names) {
  regionTransportConformance(name, async () => {
    await proxy.refuse(false)
    const { name: topic } = await new Topic(kafka.server.address, { 'cleanup.policy': 'delete' }, 3).created()
    return {
      async join(region, { vanishes = false } = {}) {
        const address = vanishes ? `${proxy.host}:${proxy.port}` : kafka.server.address
        return {
          transport: await TRANSPORTS[name](address, region, { topic, group: topic, on: { warning: () => undefined } }),
          async vanish() {
            await proxy.refuse(true)
            proxy.cut()
          },
        }
      },
      restart: () => kafka.server.restart(),
    }
  })
}
