import type { Clock } from '../../clock.ts'

/** A request that waits for the store. */
export interface Waiting {
  /** Called once, when the deadline has passed; not if `PendingBatch.answered` was called for it before. */
  late(): void
}

/** What is told of a command as a whole: a breaker counts commands, however many requests one carries. */
interface Target {
  failed(command?: number): void
  succeeded(): void
}

/**
 * What was asked of one shard in one turn of the event loop. A store sends it as one command, so it has one deadline, and
 * succeeds or fails as one.
 */
export class PendingBatch {
  /** ms, monotonic; infinite until the turn is over, which is when it leaves. */
  due: number = Infinity
  private readonly target: Target
  private waiting: Waiting[] = []
  private open = 0
  private isSealed = false
  private hasFailed = false

  constructor(target: Target) {
    this.target = target
  }

  get isDone(): boolean {
    return this.open === 0
  }

  add(waiting: Waiting): void {
    this.waiting.push(waiting)
    this.open += 1
  }

  seal(due: number): void {
    this.due = due
    this.isSealed = true
    this.conclude()
  }

  answered(): void {
    this.open -= 1
    this.conclude()
  }

  /** By its number the store tells apart what this turn was sent as. */
  failed(number: number): void {
    this.open -= 1
    this.hasFailed = true
    this.target.failed(number)
    this.conclude()
  }

  expire(): void {
    if (this.open === 0) return
    const { waiting } = this
    this.waiting = []
    this.open = 0
    if (!this.hasFailed) this.target.failed()
    this.hasFailed = true
    for (const one of waiting) one.late()
  }

  private conclude(): void {
    if (this.open > 0) return
    this.waiting = []
    if (this.isSealed && !this.hasFailed) this.target.succeeded()
  }
}

/** The deadlines of all commands on one timer: nothing is set for a single request. */
export class Deadlines {
  private readonly deadline: number
  private readonly clock: Required<Clock>
  /** Of this turn of the event loop. */
  private turn = new Map<Target, PendingBatch>()
  /** In the order in which they are due. */
  private readonly sent: PendingBatch[] = []
  private armedFor = Infinity
  private disarm: () => void = () => undefined

  constructor(deadline: number, clock: Required<Clock>) {
    this.deadline = deadline
    this.clock = clock
  }

  /** The command that a request of this turn goes with; of its own with `due`, when another deadline than that of the turn holds. */
  join(target: Target, due: number | undefined): PendingBatch {
    if (due !== undefined) return this.alone(target, due)
    let command = this.turn.get(target)
    if (command === undefined) {
      if (this.turn.size === 0) this.clock.after(0, () => this.seal())
      this.turn.set(target, (command = new PendingBatch(target)))
    }
    return command
  }

  private alone(target: Target, due: number): PendingBatch {
    const command = new PendingBatch(target)
    // Sealed by the next turn, and known by its time from now on.
    command.due = due
    this.clock.after(0, () => {
      command.seal(due)
      if (!command.isDone) this.insert(command)
      this.arm()
    })
    return command
  }

  /** The turn is over: by now the store has sent it, and time begins to run. */
  private seal(): void {
    const due = this.clock.monotonic() + this.deadline
    const { turn } = this
    this.turn = new Map()
    for (const command of turn.values()) {
      command.seal(due)
      if (!command.isDone) this.insert(command)
    }
    this.arm()
  }

  private insert(command: PendingBatch): void {
    let at = this.sent.length
    while (at > 0 && (this.sent[at - 1] as PendingBatch).due > command.due) at -= 1
    this.sent.splice(at, 0, command)
  }

  private arm(): void {
    while (this.sent[0]?.isDone === true) this.sent.shift()
    const due = this.sent[0]?.due ?? Infinity
    if (due >= this.armedFor) return
    this.disarm()
    this.armedFor = due
    const wait = Math.max(0, due - this.clock.monotonic())
    // One more turn: it reads what has arrived while this process was busy.
    this.disarm = this.clock.after(wait, () => (this.disarm = this.clock.after(0, () => this.expire())))
  }

  private expire(): void {
    this.armedFor = Infinity
    // A timer counts whole ms: what is due within one would wait for another of them.
    const soon = this.clock.monotonic() + 1
    while (this.sent[0] !== undefined && (this.sent[0].isDone || this.sent[0].due < soon)) this.sent.shift()?.expire()
    this.arm()
  }
}
