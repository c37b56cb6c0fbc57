import { json } from '../../http/answers.ts'
import type { Admin } from '../admin.ts'
import type { Endpoints } from '../endpoint.ts'
import { numberIn } from '../read.ts'
import { ALL } from '../scopes.ts'

/** Who did what. */
export function auditEndpoints({ audit }: Admin): Endpoints {
  return [
    {
      method: 'GET',
      path: 'audit',
      action: 'admin',
      namespace: ({ query }) => query.get('namespace') ?? ALL,
      summary: 'The writes, the newest first: `limit` before the entry of the id `before`.',
      handle: async ({ query }) => {
        const before = query.get('before') ?? undefined
        const limit = numberIn(query, 'limit', 1, 1_000, 100)
        return json(200, await audit.read({ before, namespace: query.get('namespace') ?? undefined, limit }))
      },
    },
  ]
}
