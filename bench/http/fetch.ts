// No peer limits a plain handler from Request to Response.
import { serve as listen } from '@hono/node-server'
import { rateLimit } from '@sluice/fetch'
import { type Backing, BODY, BY_HAND, HOST, LIMIT, type Setup, type Serve, WINDOW } from './setup.ts'

type Handler = (request: Request) => Response | Promise<Response>

export const serve: Serve = (setup, backing) =>
  new Promise((resolve) => {
    listen({ fetch: handlerOf(setup, backing), port: 0, hostname: HOST }, ({ port }) => resolve(port))
  })

function handlerOf(setup: Setup, { store }: Backing): Handler {
  const handler = () => new Response(BODY, { headers: { 'content-type': 'application/json' } })
  switch (setup) {
    case 'bare':
      return handler
    case 'by hand':
      return () => {
        const response = handler()
        for (const [name, value] of BY_HAND) response.headers.set(name, value)
        return response
      }
    case 'sluice':
      return rateLimit(handler, { limit: LIMIT, window: WINDOW, store })
    case 'sluice as the peer':
    case 'peer':
      throw new Error('there is no peer')
  }
}
