import type { FetchHandler } from '../src/index.ts'
import { served } from './served.ts'
import { storesOn } from './served-stores.ts'

declare const Deno: { readonly args: readonly string[]; serve(options: object, handler: FetchHandler): void }

const { fetch, unhandled } = served(storesOn('deno', Deno.args[0]))
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
