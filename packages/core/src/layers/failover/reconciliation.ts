import { algorithmOf } from '../../algorithms/registry.ts'
import { MAX_SUBJECT_LENGTH } from '../../hashing/bounded-key.ts'
import { detach } from '../../detach.ts'
import type { Charge, ConsumeOptions, Outcome } from '../../store.ts'
import { type StateId, StateMap } from '../state-map.ts'
import { isInDoubt, isLocalReceipt } from './local-receipt.ts'
import type { LocalShare } from './local-share.ts'
import type { FailoverContext } from './options.ts'
import { OwedGiveBacks } from './owed-give-backs.ts'
import { isStoreError, isUndone } from './store-error.ts'

type Outcomes = readonly (Outcome | undefined)[]

/** Units that the local share admitted for one state, less what was given back. */
interface Admitted {
  readonly id: StateId
  readonly units: number
}

/** Charges in flight at a time: two batches of a store that decides 64 at once. */
const BATCH = 128

/**
 * The deficit of one shard: the units that this process admitted while the store was unavailable, and charges to it at recovery. For
 * each state it is at most the units of the local share that are in use by then: the others have come back. It is bounded too: of more
 * than `maxSubjects` states, those that changed longest ago are not charged.
 */
export class Reconciliation {
  private readonly context: FailoverContext
  private readonly localShare: LocalShare
  /** How many deficits the store has charged. Each proves that the store accepts writes. */
  written = 0
  private readonly admitted: StateMap<Admitted>
  private readonly owed: OwedGiveBacks
  private settling: Promise<boolean> | undefined

  constructor(context: FailoverContext, localShare: LocalShare) {
    this.context = context
    this.localShare = localShare
    this.admitted = new StateMap(context.settings.maxSubjects)
    this.owed = new OwedGiveBacks(context.store, context.settings.maxSubjects)
  }

  /** Whether there is anything to charge or to give back. */
  get hasDeficit(): boolean {
    return this.admitted.size + this.owed.size > 0
  }

  /** Whether there is anything to give back. */
  get owes(): boolean {
    return this.owed.size > 0
  }

  /** Records give-backs to the store, which it could not make. `inDoubt`: it may have made them. */
  owe(charges: readonly Charge[], { how }: ConsumeOptions, inDoubt: boolean): void {
    if (how === 'peek') return
    for (const charge of charges) if (!isLocalReceipt(charge.receipt)) this.owed.add(charge, inDoubt)
  }

  /** Records what the local share admitted. A charge in doubt, which the store may have made too, is never repeated. */
  record(charges: readonly Charge[], outcomes: Outcomes, { how }: ConsumeOptions, inDoubt: boolean): void {
    if (this.context.settings.reconcile === 'forget' || how === 'peek' || inDoubt) return
    for (const [i, charge] of charges.entries()) {
      const outcome = outcomes[i]
      const isOwn = charge.receipt === undefined || (isLocalReceipt(charge.receipt) && !isInDoubt(charge.receipt))
      // A forced holder would block a slot for its whole ttl, since no process would release it.
      if (isOwn && outcome?.source === 'local' && !algorithmOf(charge.limit).holds) this.add(charge, outcome.granted)
    }
  }

  forget(id: StateId): void {
    this.admitted.take(id)
  }

  /**
   * Makes the give-backs that are owed, then charges the deficit by force. Resolves to whether the store answered every charge. Concurrent
   * calls share one run, except where I/O ends with its request: there, a call must not wait for that of another request.
   */
  settle(): Promise<boolean> {
    if (this.context.settings.waitUntil !== undefined) return this.settleAll()
    this.settling ??= this.settleAll().finally(() => (this.settling = undefined))
    return this.settling
  }

  /**
   * Handles an answer after the deadline: the store has charged a request that was decided locally. The charge stays if the request
   * was admitted, or if it was forced, which counts what has been used already. It is given back if the request was refused, or if it
   * took a holder, which no process would release.
   */
  async settleLate(charges: readonly Charge[], outcomes: Outcomes, { how }: ConsumeOptions, decided: Outcomes | undefined): Promise<void> {
    if (how === 'peek') return
    const isKept = how === 'force' || decided?.every((outcome) => outcome?.allowed === true) === true
    const unused = charges.flatMap((charge, i): Charge[] => {
      const outcome = outcomes[i]
      if (outcome === undefined || charge.receipt !== undefined || outcome.receipt === undefined || outcome.granted <= 0) return []
      if (isKept && !algorithmOf(charge.limit).holds) return []
      return [{ ...charge, cost: -outcome.granted, receipt: outcome.receipt }]
    })
    if (unused.length === 0) return
    try {
      await this.context.store.consume(unused)
    } catch (error) {
      this.owe(unused, {}, !isUndone(error))
    }
  }

  /** Adds units, or with `units < 0` removes what was given back. */
  private add({ limit, scope, subject }: StateId, units: number): void {
    // Recovery needs the subject itself, not its digest, and a client must not choose how much memory it takes.
    if (units === 0 || subject.length > MAX_SUBJECT_LENGTH) return
    const known = this.admitted.get({ limit, scope, subject })
    const sum = (known?.units ?? 0) + units
    const id = { limit, scope, subject: known?.id.subject ?? detach(subject) }
    if (sum > 0) this.admitted.set(id, { id, units: sum })
    else this.admitted.take(id)
  }

  private async settleAll(): Promise<boolean> {
    // First what others wait for.
    if (this.owed.size > 0 && !(await this.owed.send())) return false
    // As many rounds as the present deficit needs. Units that are added meanwhile wait for the next call.
    for (let rounds = Math.ceil(this.admitted.size / BATCH); rounds > 0; rounds--) {
      const batch: Admitted[] = []
      while (batch.length < BATCH && this.admitted.size > 0) batch.push(this.admitted.takeOldest() as Admitted)
      const errors = (await Promise.all(batch.map((admitted) => this.charge(admitted)))).filter((error) => error !== undefined)
      const inDoubt = errors.filter((error) => !isUndone(error))
      if (inDoubt.length > 0) this.report(inDoubt.length, inDoubt[0] as Error)
      if (errors.some(isStoreError)) return false
    }
    return true
  }

  /** Charges one deficit, and returns the error if that fails. Units that were surely not charged are recorded again. */
  private async charge({ id, units }: Admitted): Promise<unknown> {
    const cost = Math.min(units, this.localShare.used(id))
    if (cost <= 0) return undefined
    try {
      const [outcome] = await this.context.store.consume([{ ...id, cost }], FORCE)
      if (outcome !== undefined && outcome.granted > 0) this.written += 1
      return undefined
    } catch (error) {
      if (isUndone(error)) this.add(id, cost)
      return error
    }
  }

  private report(subjects: number, { message }: Error): void {
    const { store, events } = this.context
    events.anomaly(
      'ANOMALY_UNRECONCILED',
      `${subjects} subjects were limited locally while ${store.name} was unreachable; whether their use was charged at recovery is unknown: ${message}`,
    )
  }
}

const FORCE: ConsumeOptions = Object.freeze({ how: 'force' })
