import type { RegionTransport } from '@sluice/regions'
import type { Random, SimTime } from './sim-clock.ts'

/** What the network does to messages. */
export interface Faults {
  /** The part of messages that is lost. */
  loss: number
  /** The part of messages that comes twice. */
  twice: number
  /** µs: the longest way of a message. */
  longestWay: number
}

/** ms after which a message that was not acknowledged comes again. */
const AGAIN = 200

/** Carries messages between the regions of a simulation: late, in any order, twice, or never. */
export class Network {
  readonly faults: Faults
  /** The regions that are cut off. Messages from and to them are lost. */
  readonly cut = new Set<number>()
  /** The regions that get nothing, though others get what they send. */
  readonly deaf = new Set<number>()
  /** Each message that was sent to a region, for a replay. */
  private readonly sent: { readonly to: number; readonly body: Uint8Array }[] = []
  private readonly handlers = new Map<number, Set<(body: Uint8Array) => Promise<void>>>()
  private readonly time: SimTime
  private readonly random: Random
  private readonly names: readonly string[]

  constructor(time: SimTime, random: Random, names: readonly string[], faults: Faults) {
    this.time = time
    this.random = random
    this.names = names
    this.faults = faults
  }

  /** The transport of one process. `isBroken`: called for each publish; 'lost' ends the process with it. */
  transport(from: number, isBroken: () => 'lost' | 'fails' | undefined): RegionTransport {
    return {
      publish: async (messages) => {
        const broken = isBroken()
        if (broken === 'fails') throw new Error('the message was not sent')
        // The process has ended: nothing that it waits for comes.
        if (broken === 'lost') return new Promise(() => undefined)
        for (const { body } of messages) this.send(from, body)
      },
      subscribe: async (region, apply) => {
        const index = this.names.indexOf(region)
        const handlers = this.handlers.get(index) ?? new Set()
        this.handlers.set(index, handlers.add(apply))
        return async () => void handlers.delete(apply)
      },
    }
  }

  /** Sends a region all messages again that it was ever sent. */
  replay(to: number): void {
    for (const message of this.sent) if (message.to === to) this.deliverIn(this.way(), to, message.body)
  }

  private send(from: number, body: Uint8Array): void {
    for (let to = 0; to < this.names.length; to++) {
      if (to === from) continue
      this.sent.push({ to, body })
      if (this.cut.has(from) || this.cut.has(to) || this.deaf.has(to) || this.random.chance(this.faults.loss)) continue
      this.deliverIn(this.way(), to, body)
      if (this.random.chance(this.faults.twice)) this.deliverIn(this.way() * 20, to, body)
    }
  }

  private way(): number {
    return this.random.int(1_000, this.faults.longestWay)
  }

  private deliverIn(micros: number, to: number, body: Uint8Array): void {
    this.time.after(micros, () => {
      const handlers = [...(this.handlers.get(to) ?? [])]
      // A region without a process gets the message when it has one.
      if (handlers.length === 0) return this.deliverIn(AGAIN * 1000, to, body)
      this.random
        .pick(handlers)(body)
        .catch(() => this.deliverIn(AGAIN * 1000, to, body))
    })
  }
}
