import type { RegionsHealth } from '@sluice/core'
import { json } from '../http/answers.ts'
import type { Admin } from './admin.ts'
import type { Call, Endpoints } from './endpoint.ts'
import type { Instance } from './instances/instance.ts'
import { modeOf } from './policies/mode.ts'
import type { Scopes } from './scopes.ts'

/** The namespaces that the overview has. The list of policies has all. */
const MAX_NAMESPACES = 1_000

/** Who asks, and how the service is. */
export function overviewEndpoints(admin: Admin): Endpoints {
  return [
    { method: 'GET', path: 'whoami', action: 'any', summary: 'Says whose token it is.', handle: whoami },
    {
      method: 'GET',
      path: 'overview',
      action: 'read',
      summary: 'Says how the service, its store, its instances and its namespaces are.',
      handle: async ({ identity }) => json(200, await overviewOf(admin, identity.scopes)),
    },
  ]
}

function whoami({ identity: { name, by, scopes } }: Call): ReturnType<typeof json> {
  return json(200, { name, by, scopes: scopes.texts })
}

/** What the owner of the scopes may see of the service. */
export async function overviewOf(admin: Admin, scopes: Scopes): Promise<object> {
  const { feed, instances, store } = admin
  const { source, problem, namespaces } = feed.health()
  const regions = store.regions()
  const seen = namespaces.filter(({ namespace }) => scopes.allows('read', namespace))
  const rows = seen.slice(0, MAX_NAMESPACES).map((row) => {
    const current = feed.inForce(row.namespace)
    return { ...row, confirmedAt: row.confirmedAt ?? null, mode: current === undefined ? 'none' : modeOf(current.document) }
  })
  return {
    instance: instances.own,
    source: { state: source, problem: problem ?? null },
    store: store.state(),
    instances: (await instances.all()).map((each) => visibleInstance(each, scopes)),
    namespaceCount: seen.length,
    namespaces: rows,
    region: regions === undefined ? null : ownRegion(regions),
    regions: Object.entries(regions?.peers ?? {}).map(([name, { lag, heardAt, silent }]) => {
      return { name, lagMs: lag ?? null, heardAt: heardAt ?? null, isSilent: silent }
    }),
  }
}

/** What this instance has exchanged with other regions. */
function ownRegion({ self, unpublished, sent, applied, late, over, forgiven, transfers, cause }: RegionsHealth): object {
  return { self, unpublished, sent, applied, late, over, forgiven, transfers: transfers ?? 0, cause: cause ?? null }
}

function visibleInstance(instance: Instance, scopes: Scopes): Instance {
  const revisions = Object.entries(instance.revisions).filter(([namespace]) => scopes.allows('read', namespace))
  return { ...instance, revisions: Object.fromEntries(revisions.slice(0, MAX_NAMESPACES)) }
}
