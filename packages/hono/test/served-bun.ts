import { upgradeWebSocket, websocket } from 'hono/bun'
import { served } from './served.ts'
import { storesOn } from './served-stores.ts'

declare const Bun: { serve(options: object): { readonly url: URL } }

const { fetch, unhandled } = served({ stores: storesOn('bun', process.argv[2]), upgradeWebSocket })
process.on('unhandledRejection', unhandled)
process.on('uncaughtException', unhandled)
const { url } = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch, websocket })
console.log(`listening on ${url.href}`)
