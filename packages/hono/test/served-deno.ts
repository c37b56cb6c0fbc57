import { upgradeWebSocket } from 'hono/deno'
import { served } from './served.ts'
import { storesOn } from './served-stores.ts'

declare const Deno: {
  readonly args: readonly string[]
  serve(options: object, handler: (request: Request, info: object) => Response | Promise<Response>): void
}

const { fetch, unhandled } = served({ stores: storesOn('deno', Deno.args[0]), upgradeWebSocket })
globalThis.addEventListener('unhandledrejection', (event) => {
  event.preventDefault()
  unhandled(event.reason)
})
globalThis.addEventListener('error', (event) => {
  event.preventDefault()
  unhandled(event.error)
})
const onListen = ({ port }: { readonly port: number }) => console.log(`listening on http://127.0.0.1:${port}`)
Deno.serve({ hostname: '127.0.0.1', port: 0, onListen }, fetch)
