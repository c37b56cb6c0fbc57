// A crowd of clients, each with an address of its own. It plays the proxy in front of the processes, and counts what it is answered.
import { setTimeout as sleep } from 'node:timers/promises'

export type Verdict = 'allowed' | 'refused' | 'blocked'

/** One client, or several users behind one address. */
export interface Person {
  readonly name: string
  readonly address: string
  readonly counts: Record<Verdict, number>
  /** ms from its first request to its first 403. */
  blockedAfter: number | undefined
}

const VERDICTS: Readonly<Record<number, Verdict>> = { 200: 'allowed', 429: 'refused', 403: 'blocked' }
const PATHS = ['/orders/17', '/items/4', '/search', '/cart', '/profile', '/reviews/4', '/orders/18', '/items/5']

/** Lets the crowd ask for a time. */
export async function crowd(urls: readonly string[], seconds: number): Promise<readonly Person[]> {
  const ends = performance.now() + 1000 * seconds
  const people: Person[] = []
  const person = (name: string, address: string): Person => {
    const one: Person = { name, address, counts: { allowed: 0, refused: 0, blocked: 0 }, blockedAfter: undefined }
    people.push(one)
    return one
  }
  const shoppers = Array.from({ length: 12 }, (_, i) => shop(person(i === 0 ? '12 shoppers' : '', `198.51.100.${20 + i}`), i))
  const office = person('office, 8 users', '192.0.2.10')
  const users = Array.from({ length: 8 }, (_, i) => obey(office, `employee-${i}`, 60))
  const obedient = obey(person('obedient, at its limit', '198.51.100.7'), undefined, 20)
  const bot = goOn(person('bot, goes on', '203.0.113.9'))
  await Promise.all([...shoppers, ...users, obedient, bot])
  return people

  /** Now and then a page. */
  async function shop(who: Person, i: number): Promise<void> {
    await sleep(20 * i)
    for (let n = i; performance.now() < ends; n++) {
      await ask(who, PATHS[n % PATHS.length] ?? '/')
      await sleep(700)
    }
  }

  /** As fast as it may: after a refusal it waits for the whole Retry-After. */
  async function obey(who: Person, client: string | undefined, pause: number): Promise<void> {
    for (let n = 0; performance.now() < ends; n++) {
      const { status, retryAfter } = await ask(who, '/orders/17', client)
      // Half a second more: Retry-After is in whole seconds, and counts from when the answer was sent.
      await sleep(status === 429 ? Math.min(1000 * retryAfter + 500, Math.max(0, ends - performance.now())) : pause)
    }
  }

  /** As fast as it can, on every page, and never waits. */
  async function goOn(who: Person): Promise<void> {
    const first = performance.now()
    for (let n = 0; performance.now() < ends; n++) {
      const { status } = await ask(who, PATHS[n % PATHS.length] ?? '/')
      if (status === 403) who.blockedAfter ??= performance.now() - first
      await sleep(10)
    }
  }

  async function ask(who: Person, path: string, client?: string): Promise<{ readonly status: number; readonly retryAfter: number }> {
    const url = urls[requests++ % urls.length] ?? ''
    const headers = { 'x-forwarded-for': who.address, ...(client === undefined ? {} : { 'x-client': client }) }
    const response = await fetch(url + path, { headers })
    await response.arrayBuffer()
    const verdict = VERDICTS[response.status]
    if (verdict === undefined) throw new Error(`${path} answered ${response.status}`)
    who.counts[verdict] += 1
    return { status: response.status, retryAfter: Number(response.headers.get('retry-after') ?? 0) }
  }
}

/** Each process gets the same share. */
let requests = 0
