// The script of rights and the steps of @sluice/regions decide alike: random steps on both, and each reply and state must be equal.
import { stateIdOf } from '@sluice/core/store-kit'
import { accept, donate, need, type NeedRecord, type Numbers, resetRights, type Shape, type Transfers } from '@sluice/regions/store-kit'
import { startRedis } from '@sluice/testing/redis'
import { Random } from '@sluice/testing/regions'
import { beforeAll, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { Keys } from '../../src/keys.ts'
import { TransferScripts } from '../../src/regions/transfer-scripts.ts'

const HISTORIES = process.env['SLUICE_FAULTS'] === 'full' ? 2_000 : 150
const OTHERS = ['us', 'ap']
const keys = new Keys('sluice', 16)
let server: Awaited<ReturnType<typeof startRedis>>

beforeAll(async () => {
  server = await startRedis()
  return () => server.stop()
})

/** One region whose steps are done twice: by the script, and by the package. */
class Twin {
  now: number
  state: Numbers | undefined
  transfers: Transfers | undefined
  private readonly client = server.client()
  private readonly subject: string
  private readonly base: Shape
  private readonly scripts = new TransferScripts({ connection: connect(this.client), keys }, { now: () => this.now / 1000 })
  private readonly random: Random

  constructor(random: Random, subject: string, base: Shape) {
    this.random = random
    this.subject = subject
    this.base = base
    this.now = 1_767_225_600_000_000 + random.int(0, 60_000_000)
  }

  async step(): Promise<readonly [unknown, unknown]> {
    const { random, shape } = this
    const dice = random.next()
    if (dice < 0.3) return this.use(random.pick([1, 1, 3, -2]))
    if (dice < 0.5) return this.need(random.int(0, 12), random.pick([0, 0, 1, 5]))
    if (dice < 0.7) return this.donate(random.pick(OTHERS), random.int(0, 15), random.pick([0, 0.3]))
    if (dice < 0.95) return this.accept(random.pick(OTHERS), random.int(0, 12), random.pick([0, 3]))
    const known = resetRights(shape, this, this.now)
    await this.scripts.resetRights({ policy: 'p', subject: this.subject, shape }, OTHERS)
    Object.assign(this, known)
    return [undefined, undefined]
  }

  /** The numbers of the state in Redis, and what the package has. */
  async states(): Promise<readonly [unknown, unknown]> {
    const bytes = await this.client.getBuffer(keys.valueKeyIn('p', this.subject))
    const found = bytes === null ? undefined : [0, 1, 2].map((i) => bytes.readDoubleBE(4 + 8 * i))
    return [found, this.state === undefined ? undefined : [...this.state]]
  }

  private get shape(): Shape {
    const ms = Math.floor(this.now / 1000)
    return this.base.kind === 'fixed' ? { ...this.base, start: ms - (ms % this.base.P) } : this.base
  }

  /** The window of now, or another one. */
  private get window(): number {
    const { P, kind } = this.base
    const ms = Math.floor(this.now / 1000)
    const start = ms - (ms % P) + this.random.pick([0, 0, 0, 0, -1, 1]) * P
    return (start + (kind === 'sliding' ? 2 : 1) * P) * 1000
  }

  /** A decision of this region. */
  private async use(units: number): Promise<readonly [unknown, unknown]> {
    const { now, shape, subject } = this
    const [until, count, before] = rolled(shape, this.state, now)
    this.state = [until, count + units, before]
    const bytes = Buffer.alloc(28)
    bytes.writeUInt32BE(stateIdOf(shape.text))
    for (const [i, number] of this.state.entries()) bytes.writeDoubleBE(number, 4 + 8 * i)
    await this.client.set(keys.valueKeyIn('p', subject), bytes)
    return [undefined, undefined]
  }

  private async need(rights: number, cost: number): Promise<readonly [unknown, unknown]> {
    const { shape, subject, now } = this
    const known = need(shape, this, rights, cost, OTHERS, now)
    const answer = await this.scripts.need({ policy: 'p', subject, shape }, rights, cost, OTHERS)
    const { transfers, window, want, got, effective, isHeld } = known
    if (transfers !== undefined) this.transfers = transfers
    const { text, N, P } = shape
    const came = Object.fromEntries(Object.entries(got).filter(([, units]) => units > 0))
    const record: NeedRecord = { kind: 'need', policy: 'p', subject, text, version: now, window, want, got: came, N, P }
    return [answer, { record: transfers === undefined ? undefined : record, effective, isHeld }]
  }

  private async donate(asker: string, rights: number, floor: number): Promise<readonly [unknown, unknown]> {
    const { shape, subject, now, window, random } = this
    const { text, N, P } = shape
    const got = random.chance(0.5) ? { eu: random.int(0, 8) } : {}
    const record: NeedRecord = { kind: 'need', policy: 'p', subject, text, version: now, window, want: random.int(1, 9), got, N, P }
    const known = donate(shape, record, { name: asker, self: 'eu' }, this, { rights, floor }, now)
    const offer = await this.scripts.donate(record, asker, { rights, floor }, 'eu', OTHERS)
    if (known === undefined) return [offer, undefined]
    const { state, transfers, total, free } = known
    // A value is only written when it changes.
    if (state[1] !== rolled(shape, this.state, now)[1]) this.state = state
    this.transfers = transfers
    return [offer, { kind: 'offer', policy: 'p', subject, text, version: now, to: asker, window, total, free, N, P }]
  }

  private async accept(from: string, total: number, free: number): Promise<readonly [unknown, unknown]> {
    const { shape, subject, now, window } = this
    const { text, N, P } = shape
    const known = accept(shape, { window, total, free }, from, this, now)
    await this.scripts.accept(
      { kind: 'offer', policy: 'p', subject, text, version: now, to: 'eu', window, total, free, N, P },
      from,
      OTHERS,
    )
    if (known === undefined) return [undefined, undefined]
    if (known.state[1] !== rolled(shape, this.state, now)[1]) this.state = known.state
    this.transfers = known.transfers
    return [undefined, undefined]
  }
}

function rolled({ kind, P }: Shape, state: Numbers | undefined, now: number): Numbers {
  const ms = Math.floor(now / 1000)
  const until = (ms - (ms % P) + (kind === 'sliding' ? 2 * P : P)) * 1000
  if (state !== undefined && state[0] >= until) return state
  return [until, 0, kind === 'sliding' && state?.[0] === until - P * 1000 ? Math.max(0, state[1]) : 0]
}

test(`${HISTORIES} random histories of 60 steps`, { timeout: 900_000 }, async () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed)
    const kind = random.pick(['fixed', 'sliding'] as const)
    const twin = new Twin(random, `${seed}`, { text: `a.${kind}Window.10000`, kind, N: 20, P: 10_000, burst: 0 })
    for (let i = 0; i < 60; i++) {
      twin.now += random.pick([1_000, 300_000, 1_000_000, 4_000_000, 20_000_000])
      const [found, expected] = await twin.step()
      expect(found, `seed ${seed}, step ${i}`).toEqual(expected)
      const [state, knownState] = await twin.states()
      expect(state, `seed ${seed}, step ${i}: the state`).toEqual(knownState)
    }
  }
})
