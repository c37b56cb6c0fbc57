import type { Route } from '../http/route.ts'
import type { Service } from '../service.ts'
import { authRoutes } from './auth-routes.ts'
import { checkRoute } from './check-route.ts'
import type { Decisions } from './decisions.ts'
import { envoyRoute } from './envoy-route.ts'
import { Gate } from './gate.ts'
import { v1Routes } from './v1-routes.ts'

/** The endpoints for programs and gateways. */
export function apiRoutes(service: Service, decisions: Decisions): readonly Route[] {
  const gate = new Gate(service)
  return [checkRoute(service, decisions), ...v1Routes(service, decisions), ...authRoutes(gate), envoyRoute(gate)]
}
