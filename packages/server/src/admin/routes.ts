import { printWarning } from '@sluice/core/adapter-kit'
import { problem } from '../http/answers.ts'
import type { Route } from '../http/route.ts'
import type { Admin } from './admin.ts'
import { auditEndpoints } from './audit/audit-endpoints.ts'
import { blockEndpoints } from './blocks.ts'
import { describedOf } from './described.ts'
import { documentEndpoints } from './documents/document-endpoint.ts'
import type { Endpoints } from './endpoint.ts'
import { impactEndpoints } from './impact/impact-endpoint.ts'
import { liveEndpoints } from './live/live-endpoints.ts'
import { overviewEndpoints } from './overview.ts'
import { killSwitchEndpoints } from './policies/kill-switch-endpoints.ts'
import { policyReadEndpoints } from './policies/read-endpoints.ts'
import { reviewEndpoints } from './policies/review-endpoints.ts'
import { schemaEndpoints } from './policies/schema-endpoint.ts'
import { policyWriteEndpoints } from './policies/write-endpoints.ts'
import { boardEndpoints } from './subjects/board-endpoints.ts'
import { subjectEndpoints } from './subjects/subject-endpoints.ts'

/** All endpoints of the admin API. */
export function adminEndpoints(admin: Admin): Endpoints {
  return [
    ...overviewEndpoints(admin),
    ...liveEndpoints(admin),
    ...policyReadEndpoints(admin),
    ...reviewEndpoints(admin),
    ...policyWriteEndpoints(admin),
    ...impactEndpoints(admin),
    ...schemaEndpoints(),
    ...killSwitchEndpoints(admin),
    ...boardEndpoints(admin),
    ...subjectEndpoints(admin),
    ...blockEndpoints(admin),
    ...auditEndpoints(admin),
    ...documentEndpoints(admin),
  ]
}

/** The routes of the admin API. */
export function adminRoutes(admin: Admin): readonly Route[] {
  return adminEndpoints(admin).map((endpoint) => ({ ...admin.guard.route(endpoint), described: describedOf(endpoint) }))
}

/** What answers where the admin API is off: as any path that is not there. The log says how to switch it on. */
export function closedAdminRoutes(): readonly Route[] {
  let isReported = false
  const handle = (): ReturnType<typeof problem> => {
    if (!isReported) printWarning('somebody asks for the admin API, which is off: set admin.tokens to switch it on')
    isReported = true
    return problem(404, 'There is no such endpoint.')
  }
  return [{ method: 'GET', path: '/admin/v1/whoami', handle }]
}
