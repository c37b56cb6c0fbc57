// A server of the cases, on any runtime: no node: import here.
import type { Clock, Store } from '@sluice/core'
import { type CaseServer, caseServer, CONTROL_PATH } from '@sluice/testing/http'
import type { FetchHandler } from '../src/index.ts'
import { appOf, read } from './app.ts'

type Served = Pick<CaseServer<FetchHandler>, 'unhandled'> & { readonly fetch: FetchHandler }

export function served(stores: Readonly<Record<string, (clock: Clock) => Store>>, pause?: () => Promise<void>): Served {
  const cases = caseServer({ read, make: appOf, stores, pause })
  const control = async (request: Request) => new Response(await cases.control(await request.text()))
  const fetch: FetchHandler = (request, ...rest: readonly unknown[]) =>
    new URL(request.url).pathname === CONTROL_PATH ? control(request) : cases.app()(request, ...rest)
  return { unhandled: cases.unhandled, fetch }
}
