// The contract of a transport between regions, on streams of three Redis behind proxies.
import { streamTransport } from '@sluice/redis'
import { regionTransportConformance } from '@sluice/testing'
import { startRedis, tcpProxy } from '@sluice/testing/redis'
import { onTestFinished } from 'vitest'

regionTransportConformance('streams of Redis', async () => {
  const servers = { eu: await startRedis(), us: await startRedis(), ap: await startRedis() }
  onTestFinished(async () => {
    for (const server of Object.values(servers)) await server.stop()
  })
  return {
    async join(region) {
      const entries = Object.entries(servers).map(async ([name, server]) => [name, await tcpProxy(server)] as const)
      const proxies = Object.fromEntries(await Promise.all(entries))
      onTestFinished(async () => {
        for (const proxy of Object.values(proxies)) await proxy.close()
      })
      const urls = Object.entries(proxies).map(([name, { host, port }]) => [name, { url: `redis://${host}:${port}` }] as const)
      const self = urls.find(([name]) => name === region)?.[1] ?? { url: '' }
      const others = Object.fromEntries(urls.filter(([name]) => name !== region))
      return {
        transport: streamTransport({ self, others, claimAfter: 1_000, on: { warning: () => undefined } }),
        async vanish() {
          for (const proxy of Object.values(proxies)) {
            await proxy.refuse(true)
            proxy.cut()
          }
        },
      }
    },
    async restart() {
      for (const server of Object.values(servers)) await server.restart()
    },
  }
})
