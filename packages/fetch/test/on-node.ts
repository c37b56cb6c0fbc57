import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { HttpAdapter } from '@sluice/testing'
import { appOf, unsupported, read } from './app.ts'

/** On node:http, by way of a server for such code. */
export const onNode: HttpAdapter = {
  read,
  unsupported: unsupported.filter((feature) => feature !== 'HTTP/2' && feature !== 'dropped connections'),
  async serve(spec) {
    // Without its own faster Request and Response, so that these are Node's.
    const server = createAdaptorServer({
      fetch: appOf(spec),
      overrideGlobalObjects: false,
      ...(spec.http2 ? { createServer: createHttp2Server } : {}),
    }) as Server
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const close = async () => {
      server.close()
      server.closeAllConnections?.()
      await once(server, 'close')
    }
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
  },
}
