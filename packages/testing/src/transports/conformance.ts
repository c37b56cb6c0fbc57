/// <reference types="node" />
import type { RegionEnvelope, RegionTransport } from '@sluice/regions'
import { describe, expect, onTestFinished, test } from 'vitest'
import { waitUntil } from '../processes/wait-until.ts'

/** One process of a region. */
export interface JoinedProcess {
  readonly transport: RegionTransport
  /** Takes its network away for good, so that the servers see what they see of a process that was killed. */
  vanish(): Promise<void>
}

/** Regions `eu`, `us` and `ap`, and the servers behind their transport. */
export interface OpenedTransport {
  /** A new process of a region. It ends with the test. `vanishes`: its network is taken away later. */
  join(region: string, options?: { readonly vanishes?: boolean }): Promise<JoinedProcess>
  /** Kills the servers, and starts them again. */
  restart(): Promise<void>
}

/** Opens the servers for one test, and closes all after it, by `onTestFinished`. */
export type OpenTransport = () => Promise<OpenedTransport>

/** ms. The servers of some transports notice after 10 s that a process is gone. */
const LONGEST = 60_000
const TIMEOUT = { timeout: 2 * LONGEST } as const

/** What a process has received. */
interface Received {
  /** The text of each message, in the order in which they came first. */
  readonly texts: readonly string[]
  /** The same, with those that came again. A broker may divide the partitions again at any time, and what was not committed comes again. */
  readonly deliveries: readonly string[]
  readonly close: () => Promise<void>
}

/** What every transport between regions does, on real servers. */
export function regionTransportConformance(name: string, open: OpenTransport): void {
  describe(`${name}: the contract of a transport between regions`, () => {
    test('each other region gets each message as it was sent, and those of a partition in their order', TIMEOUT, async () => {
      const opened = await open()
      const [eu, us, ap] = [await joined(opened, 'eu'), await joined(opened, 'us'), await joined(opened, 'ap')]
      const sent = Array.from({ length: 60 }, (_, i) => envelope(i % 3, `${i % 3} message ${i} ✓`))
      for (let i = 0; i < sent.length; i += 10) await eu.transport.publish(sent.slice(i, i + 10))
      for (const { texts } of [us, ap]) {
        await waitUntil('all messages', () => texts.length === sent.length, LONGEST)
        for (const partition of [0, 1, 2]) expect(ofPartition(texts, partition)).toEqual(ofPartition(sent.map(textOf), partition))
      }
      expect(eu.texts).toEqual([])
    })

    test('bytes that are no text arrive as they are', TIMEOUT, async () => {
      const opened = await open()
      const eu = await joined(opened, 'eu')
      const bodies: Uint8Array[] = []
      const { transport } = await opened.join('us')
      const close = await transport.subscribe('us', async (body) => void bodies.push(Uint8Array.from(body)))
      onTestFinished(close)
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
      await eu.transport.publish([{ partition: 0, body: bytes.subarray(1) }])
      await waitUntil('the message', () => bodies.length > 0, LONGEST)
      expect(bodies[0]).toEqual(bytes.subarray(1))
    })

    test('a region that begins later gets the messages that wait for it', TIMEOUT, async () => {
      const opened = await open()
      const eu = await joined(opened, 'eu')
      await eu.transport.publish([envelope(0, 'before')])
      const us = await joined(opened, 'us')
      await waitUntil('the message', () => us.texts.includes('before'), LONGEST)
    })

    test('one process of a region gets a message, and each region gets all', TIMEOUT, async () => {
      const opened = await open()
      const eu = await joined(opened, 'eu')
      const [us1, us2, ap] = [await joined(opened, 'us'), await joined(opened, 'us'), await joined(opened, 'ap')]
      // While the processes of a region divide the partitions among them, a message may come twice.
      const receivedBy = async (text: string): Promise<readonly Received[]> => {
        await eu.transport.publish([envelope(Number(text.split(' ')[1]), text)])
        await waitUntil(text, () => [us1, us2].some(({ texts }) => texts.includes(text)) && ap.texts.includes(text), LONGEST)
        return [us1, us2].filter(({ texts }) => texts.includes(text))
      }
      let settled = 0
      for (let n = 0; settled < 20 && n < 200; n += 1) settled = (await receivedBy(`settling ${n}`)).length === 1 ? settled + 1 : 0
      const sent = Array.from({ length: 60 }, (_, i) => `message ${i}`)
      for (const text of sent) await receivedBy(text)
      const deliveries = [...us1.deliveries, ...us2.deliveries].filter((text) => text.startsWith('message'))
      expect([...new Set(deliveries)]).toEqual(expect.arrayContaining(sent))
      // Each message was applied before the next was sent, so at most one a partition was not committed yet when they were divided again.
      expect(deliveries.length - sent.length).toBeLessThanOrEqual(3)
      expect(ap.texts.filter((text) => text.startsWith('message'))).toEqual(sent)
    })

    test('a message is delivered again until it is applied, and holds up no other one', TIMEOUT, async () => {
      const opened = await open()
      const eu = await joined(opened, 'eu')
      let attempts = 0
      const us = await joined(opened, 'us', async (text) => {
        if (text !== 'bad') return
        attempts += 1
        if (attempts < 3) throw new Error('not yet')
      })
      await eu.transport.publish([envelope(0, 'first'), envelope(0, 'bad'), envelope(0, 'last')])
      await waitUntil('the third attempt', () => attempts === 3, LONGEST)
      expect(us.texts.filter((text) => text !== 'bad')).toEqual(['first', 'last'])
    })

    test('a message that waits for a long time holds up no other one', TIMEOUT, async () => {
      const opened = await open()
      const eu = await joined(opened, 'eu')
      const us = await joined(opened, 'us', (text) => (text === 'early' ? new Promise(() => undefined) : undefined))
      await eu.transport.publish([envelope(0, 'early'), ...Array.from({ length: 300 }, (_, i) => envelope(0, `message ${i}`))])
      await waitUntil('the others', () => us.texts.length === 301, LONGEST)
    })

    test('what a process that was killed has not applied goes to another one of its region', TIMEOUT, async () => {
      const opened = await open()
      const eu = await joined(opened, 'eu')
      const dying = await opened.join('us', { vanishes: true })
      const taken = new Set<string>()
      const close = await dying.transport.subscribe('us', (body) => {
        taken.add(decode(body))
        return new Promise(() => undefined)
      })
      onTestFinished(close)
      const sent = Array.from({ length: 20 }, (_, i) => `message ${i}`)
      await eu.transport.publish(sent.map((text) => envelope(0, text)))
      await waitUntil('the process to have them', () => taken.size === sent.length, LONGEST)
      await dying.vanish()
      const us = await joined(opened, 'us')
      await waitUntil('the other process to have them', () => sent.every((text) => us.texts.includes(text)), LONGEST)
    })

    test('after a restart of the servers, later messages arrive', TIMEOUT, async () => {
      const opened = await open()
      const [eu, us] = [await joined(opened, 'eu'), await joined(opened, 'us')]
      await eu.transport.publish([envelope(0, 'before')])
      await waitUntil('the first message', () => us.texts.includes('before'), LONGEST)
      await opened.restart()
      let sent = 0
      await waitUntil(
        'a message after the restart',
        async () => {
          // A publication that failed is repeated by its owner.
          await eu.transport.publish([envelope(0, `after ${sent++}`)]).catch(() => undefined)
          return us.texts.some((text) => text.startsWith('after'))
        },
        LONGEST,
      )
    })

    test('after a close nothing is applied, and another process goes on', TIMEOUT, async () => {
      const opened = await open()
      const [eu, first] = [await joined(opened, 'eu'), await joined(opened, 'us')]
      await eu.transport.publish([envelope(0, 'before')])
      await waitUntil('the first message', () => first.texts.includes('before'), LONGEST)
      await first.close()
      await first.close()
      await eu.transport.publish([envelope(0, 'after')])
      const second = await joined(opened, 'us')
      await waitUntil('the other process to have the second message', () => second.texts.includes('after'), LONGEST)
      expect(first.texts).toEqual(['before'])
    })

    test('a close waits a second for a message that is being applied, and no longer', TIMEOUT, async () => {
      const opened = await open()
      const eu = await joined(opened, 'eu')
      let end = (): void => undefined
      const us = await joined(opened, 'us', (text) => new Promise<void>((resolve) => void (text === 'short' && (end = resolve))))
      await eu.transport.publish([envelope(0, 'short'), envelope(0, 'endless')])
      await waitUntil('both to be under way', () => us.texts.length === 2, LONGEST)
      const closed = us.close()
      end()
      await closed
    })
  })
}

/** A process that has subscribed. `apply` is called with the text of each message, after it was noted. */
async function joined(
  opened: OpenedTransport,
  region: string,
  apply: (text: string) => Promise<unknown> | undefined = () => undefined,
): Promise<Received & { readonly transport: RegionTransport }> {
  const { transport } = await opened.join(region)
  const texts: string[] = []
  const deliveries: string[] = []
  const close = await transport.subscribe(region, async (body) => {
    const text = decode(body)
    if (!texts.includes(text)) texts.push(text)
    deliveries.push(text)
    await apply(text)
  })
  onTestFinished(close)
  return { transport, texts, deliveries, close }
}

function envelope(partition: number, text: string): RegionEnvelope {
  return { partition, body: new TextEncoder().encode(text) }
}

function textOf({ body }: RegionEnvelope): string {
  return decode(body)
}

function decode(body: Uint8Array): string {
  return new TextDecoder().decode(body)
}

function ofPartition(texts: readonly string[], partition: number): readonly string[] {
  return texts.filter((text) => text.startsWith(`${partition} `))
}
