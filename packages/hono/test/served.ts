// Serves the cases of the suite and the app of runtimes.test.ts. It runs on every runtime, so it must not import from node:.
import type { Clock, Store } from '@sluice/core'
import { type CaseServer, caseServer, CONTROL_PATH } from '@sluice/testing/http'
import type { Hono } from 'hono'
import type { UpgradeWebSocket } from 'hono/ws'
import { appOf, read } from './app.ts'
import { runtimeApp } from './runtime-app.ts'

interface Serve {
  readonly stores: Readonly<Record<string, (clock: Clock) => Store>>
  readonly upgradeWebSocket: UpgradeWebSocket<any>
  readonly pause?: () => Promise<void>
}

export function served({
  stores,
  upgradeWebSocket,
  pause,
}: Serve): Pick<CaseServer<Hono>, 'unhandled'> & { readonly fetch: Hono['fetch'] } {
  const cases = caseServer({ read, make: appOf, stores, pause })
  const own = runtimeApp(upgradeWebSocket)
  const fetch: Hono['fetch'] = (request, env, context) => {
    const { pathname } = new URL(request.url)
    if (pathname === CONTROL_PATH) return control(request)
    return (pathname.startsWith('/own/') ? own : cases.app()).fetch(request, env, context)
  }
  const control = async (request: Request) => new Response(await cases.control(await request.text()))
  return { unhandled: cases.unhandled, fetch }
}
