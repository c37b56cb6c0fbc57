import type { Reader } from '../inspect/reader.ts'
import { inParts } from './in-parts.ts'
import { type AnalyticsKeys, usagePartsOf } from './keys.ts'
import type { UsageKey, UsageRange, UsageRow } from './queries.ts'

/** Sums the rows of a time range. */
export async function readUsage(
  reader: Reader,
  keys: AnalyticsKeys,
  namespaces: readonly string[],
  { policy, mode, isByHour, starts, step, by }: UsageRange,
): Promise<readonly UsageRow[]> {
  const sums = new Map<
    string,
    { readonly at: number; readonly named: Partial<Record<UsageKey, string>>; requests: number; units: number }
  >()
  const places = namespaces.flatMap((namespace) => starts.map((start) => ({ namespace, start })))
  await inParts(places, async ({ namespace, start }) => {
    const at = Math.floor(start / step) * step
    for (const [field, value] of await reader.hash(isByHour ? keys.hour(namespace, start) : keys.minute(namespace, start))) {
      const parts = usagePartsOf(field)
      if (parts === undefined || parts.mode !== mode || (policy !== undefined && parts.policy !== policy)) continue
      const [requests = 0, units = 0] = value.split(' ').map(Number)
      const named = Object.fromEntries(by.map((key) => [key, key === 'namespace' ? namespace : parts[key]]))
      const id = JSON.stringify([at, ...Object.values(named)])
      const sum = sums.get(id) ?? { at, named, requests: 0, units: 0 }
      sum.requests += requests
      sum.units += units
      sums.set(id, sum)
    }
  })
  return Array.from(sums, ([id, { at, named, requests, units }]) => ({ id, row: { at, ...named, requests, units } }))
    .toSorted((a, b) => a.row.at - b.row.at || (a.id < b.id ? -1 : 1))
    .map(({ row }) => row)
}
