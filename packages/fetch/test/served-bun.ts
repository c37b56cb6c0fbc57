import { served } from './served.ts'
import { storesOn } from './served-stores.ts'

declare const Bun: { serve(options: object): { readonly url: URL } }

const { fetch, unhandled } = served(storesOn('bun', process.argv[2]))
process.on('unhandledRejection', unhandled)
process.on('uncaughtException', unhandled)
const { url } = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch })
console.log(`listening on ${url.href}`)
