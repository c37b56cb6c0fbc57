// The contract of a transport between regions, on a topic of Kafka with three partitions.
import { regionTransportConformance } from '@sluice/testing'
import { type KafkaServer, startKafka } from '@sluice/testing/kafka'
import { freePort, type TcpProxy, tcpProxy } from '@sluice/testing/redis'
import { afterAll, beforeAll } from 'vitest'
import { Topic } from '../clients.ts'
import { TRANSPORTS } from './transports.ts'

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

const isFull = process.env['SLUICE_FAULTS'] === 'full'
const names = isFull ? (['kafkajs', 'platformatic 2', 'platformatic 1'] as const) : (['kafkajs', 'platformatic 2'] as const)
for (const name of names) {
  regionTransportConformance(name, async () => {
    await proxy.refuse(false)
    const { name: topic } = await new Topic(server.address, { 'cleanup.policy': 'delete' }, 3).created()
    return {
      async join(region, { vanishes = false } = {}) {
        const address = vanishes ? `${proxy.host}:${proxy.port}` : server.address
        return {
          transport: await TRANSPORTS[name](address, region, { topic, group: topic, on: { warning: () => undefined } }),
          async vanish() {
            await proxy.refuse(true)
            proxy.cut()
          },
        }
      },
      restart: () => server.restart(),
    }
  })
}
