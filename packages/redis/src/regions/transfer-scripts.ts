import type { Clock } from '@sluice/core'
import { stateIdOf } from '@sluice/core/store-kit'
import type { Connection } from '../client/connect.ts'
import { runWhenReady } from '../client/ready.ts'
import type { Keys } from '../keys.ts'
import { script } from '../scripts/script.ts'
import { CLOCK, REGION_TRANSFER, TEST_CLOCK } from '../scripts/scripts.gen.ts'
import type { NeedAnswer, NeedRecord, OfferRecord, RedisTransferStorage, RightsKey, RightsTerms, Shape } from './types.ts'
import { Replicated } from './replicated.ts'
import { wireShape } from './redis-region-storage.ts'

interface TransferParts {
  readonly connection: Connection
  readonly keys: Keys
  /** Resolves when the layout of the data has been checked. `undefined`: it has. */
  prepared?(): Promise<void> | undefined
}

/** The steps of mode `strict`, by a script. */
export class TransferScripts implements RedisTransferStorage {
  private readonly parts: TransferParts
  private readonly clock: Clock | undefined
  private readonly replicated: Replicated

  constructor(parts: TransferParts, clock: Clock | undefined) {
    this.parts = parts
    this.clock = clock
    this.replicated = new Replicated(parts.connection)
  }

  /** Ends the connection that only gifts use. */
  close(): Promise<void> {
    return this.replicated.close()
  }

  async need(key: RightsKey, rights: number, cost: number, others: readonly string[]): Promise<NeedAnswer> {
    const { policy, subject, shape } = key
    const { at, numbers } = await this.run(key, ['need', wireShape(shape), idsOf(shape, others), rights, cost])
    // The clock of this process is in another window than the server's.
    if (numbers.length === 1) return { record: undefined, effective: rights, isHeld: true }
    const [isAsked, window = 0, want = 0, effective = rights, isHeld, ...got] = numbers
    const answer = { effective, isHeld: isHeld === 1 }
    if (isAsked !== 1) return { ...answer, record: undefined }
    const { text, N, P } = shape
    const came = Object.fromEntries(others.flatMap((name, i) => ((got[i] ?? 0) > 0 ? [[name, got[i] as number]] : [])))
    return { ...answer, record: { kind: 'need', policy, subject, text, version: at, window, want, got: came, N, P } }
  }

  async donate(
    need: NeedRecord,
    asker: string,
    { rights, floor }: RightsTerms,
    self: string,
    others: readonly string[],
  ): Promise<OfferRecord | undefined> {
    const { policy, subject, text, window, want, got, N, P } = need
    const place = others.indexOf(asker) + 1
    const shape = shapeIn(need)
    if (shape === undefined || place === 0) return undefined
    const request = ['donate', wireShape(shape), idsOf(shape, others), place, rights, floor, window, want, got[self] ?? 0]
    const { at, numbers, isSafe } = await this.run(need, request, true)
    const [isDone, total = 0, free = 0] = numbers
    // A server that takes over would not know of the gift. The next need is answered with the same sum.
    if (isDone !== 1 || !isSafe) return undefined
    return { kind: 'offer', policy, subject, text, version: at, to: asker, window, total, free, N, P }
  }

  async accept(offer: OfferRecord, from: string, others: readonly string[]): Promise<void> {
    const place = others.indexOf(from) + 1
    const shape = shapeIn(offer)
    if (shape === undefined || place === 0) return
    const { window, total, free } = offer
    await this.run(offer, ['accept', wireShape(shape), idsOf(shape, others), place, window, total, free])
  }

  async resetRights(key: RightsKey, others: readonly string[]): Promise<boolean> {
    const { shape } = key
    const { numbers } = await this.run(key, ['reset', wireShape(shape), idsOf(shape, others)])
    return (numbers[0] ?? 0) > 0
  }

  /** Returns the time, µs, and the numbers of the reply; of a gift also whether a failover keeps it. */
  private async run(
    { policy, subject }: { readonly policy: string; readonly subject: string },
    request: readonly unknown[],
    isGift = false,
  ): Promise<{ readonly at: number; readonly numbers: readonly number[]; readonly isSafe: boolean }> {
    const { clock, parts } = this
    await parts.prepared?.()
    const key = parts.keys.valueKeyIn(policy, subject)
    const args = [JSON.stringify(request), ...(clock === undefined ? [] : [String(Math.round(clock.now() * 1000))])]
    const transfer = script(clock === undefined ? CLOCK : TEST_CLOCK, REGION_TRANSFER)
    const message = { keys: [key, `${key}!r`], args }
    const replicated = isGift ? await this.replicated.run(transfer, message) : undefined
    const reply =
      replicated === undefined ? await runWhenReady(parts.connection, transfer, message) : (replicated.reply as readonly unknown[])
    const [at, error, ...numbers] = reply
    if (String(error) !== '') throw new Error(`the script of rights: ${String(error)}`)
    return { at: Number(at), numbers: numbers.map(Number), isSafe: replicated?.isSafe ?? true }
  }
}

/** The ids of what came from and went to each other region, and of what it could spare. */
function idsOf({ text }: Shape, others: readonly string[]): readonly (readonly [number, number])[] {
  return others.map((name) => [stateIdOf(`${text}!${name}`), stateIdOf(`${text}!${name}!f`)])
}

/** The shape that a record describes; `undefined` if it is no window. */
function shapeIn({ text, window, N, P }: NeedRecord | OfferRecord): Shape | undefined {
  if (text.includes('.slidingWindow.')) return { text, kind: 'sliding', N, P, burst: 0 }
  return text.includes('.fixedWindow.') ? { text, kind: 'fixed', N, P, burst: 0, start: window / 1000 - P } : undefined
}
