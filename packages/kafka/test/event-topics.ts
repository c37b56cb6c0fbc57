import { Topic } from './clients.ts'

/** A topic of decisions and one of usage. */
export interface EventTopics {
  readonly decisions: Topic
  readonly usage: Topic
}

export async function newEventTopics(address: string): Promise<EventTopics> {
  const config = { 'cleanup.policy': 'delete' }
  const [decisions, usage] = await Promise.all([new Topic(address, config).created(), new Topic(address, config).created()])
  return { decisions, usage }
}

export function namesOf({ decisions, usage }: EventTopics): { readonly decisions: string; readonly usage: string } {
  return { decisions: decisions.name, usage: usage.name }
}

/** The sums of the rows in a topic: the largest value of each row, by verdict. */
export async function sumsIn(topic: Topic): Promise<Readonly<Record<string, number>>> {
  const largest = new Map<string, { readonly verdict: string; readonly requests: number }>()
  for (const { requests, units: _, ...key } of (await topic.values()) as {
    requests: number
    units: number
    policy: string
    verdict: string
  }[]) {
    const id = JSON.stringify(key)
    if (key.policy === '') largest.set(id, { verdict: key.verdict, requests: Math.max(requests, largest.get(id)?.requests ?? 0) })
  }
  const sums: Record<string, number> = {}
  for (const { verdict, requests } of largest.values()) sums[verdict] = (sums[verdict] ?? 0) + requests
  return sums
}
