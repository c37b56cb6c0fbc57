// Three clients: one stays in a region, one changes its region, one asks in all regions at once. Each counts what it was answered.
import { setTimeout as sleep } from 'node:timers/promises'

/** The address of each process, by region. */
export type Regions = ReadonlyMap<string, readonly string[]>

/** One request that was allowed. Times are ms. */
interface Admission {
  readonly region: string
  readonly asked: number
  readonly answered: number
}

/** What one client was answered. */
export interface Client {
  readonly name: string
  readonly asked: number
  readonly admissions: readonly Admission[]
}

/** ms between two requests of a client. */
const PAUSE = 20

/** Lets the three clients ask at the same time. */
export async function askAll(regions: Regions, path: string): Promise<readonly Client[]> {
  const names = [...regions.keys()]
  const [first = ''] = names
  return Promise.all([
    askSlowly(regions, path, `stays in ${first}`, () => first),
    askSlowly(regions, path, 'changes its region every 0.5 s', (i) => names[Math.floor(i / 25) % names.length] ?? ''),
    askAtOnce(regions, path, 'bursts in all regions at once'),
  ])
}

async function askSlowly(regions: Regions, path: string, name: string, regionOf: (i: number) => string): Promise<Client> {
  const admissions: Admission[] = []
  const asked = 150
  for (let i = 0; i < asked; i++) {
    const region = regionOf(i)
    admissions.push(...(await ask(regions, region, path, name, i)))
    await sleep(PAUSE)
  }
  return { name, asked, admissions }
}

async function askAtOnce(regions: Regions, path: string, name: string): Promise<Client> {
  const each = 100
  const all = [...regions.keys()].flatMap((region) => Array.from({ length: each }, (_, i) => ask(regions, region, path, name, i)))
  return { name, asked: all.length, admissions: (await Promise.all(all)).flat() }
}

/** One request to a process of a region: an admission, or none. */
export async function ask(regions: Regions, region: string, path: string, client: string, i: number): Promise<readonly Admission[]> {
  const urls = regions.get(region) ?? []
  const asked = performance.now()
  const response = await fetch(`${urls[i % urls.length]}${path}`, { headers: { 'x-client': client } })
  await response.arrayBuffer()
  if (response.status === 200) return [{ region, asked, answered: performance.now() }]
  if (response.status !== 429) throw new Error(`${region} answered ${response.status}`)
  return []
}
