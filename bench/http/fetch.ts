// No peer limits a plain handler of Request and Response.
import { serve as listen } from '@hono/node-server'
import { rateLimit } from '@sluice/fetch'
import { type Backing, BODY, BY_HAND, HOST, LIMIT, type Plan, type Serve, WINDOW } from './plan.ts'

type Handler = (request: Request) => Response | Promise<Response>

export const serve: Serve = (plan, backing) =>
  new Promise((resolve) => {
    listen({ fetch: handlerOf(plan, backing), port: 0, hostname: HOST }, ({ port }) => resolve(port))
  })

function handlerOf(plan: Plan, { store }: Backing): Handler {
  const handler = () => new Response(BODY, { headers: { 'content-type': 'application/json' } })
  switch (plan) {
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
