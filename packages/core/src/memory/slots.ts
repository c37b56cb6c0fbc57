import type { RowCodec, RowReader } from '../algorithms/algorithm.ts'
import { append, type Chains, findInChain, removeFromChain } from './chains.ts'
import { EvictionLists } from './eviction-lists.ts'
import { NO_SLOT, PROTECTED, type Rank, SlotRows } from './slot-rows.ts'

/** The states of one scope and variant. */
export interface ScopeTable {
  readonly id: number
  /** Shared by the tables of one policy, since its limits mostly have the same subjects. */
  readonly chains: Chains
  /** How a state is written into a row; `undefined`: it is kept as an object. */
  readonly codec: RowCodec<unknown> | undefined
  /** Decides on the rows of the table; `undefined` without a codec. */
  readonly reader: RowReader | undefined
  /** How many states the table has. */
  size: number
  /** The one state that new subjects share while the store is full, under `overflow: 'shared'`. */
  shared: unknown
}

/**
 * At most `max` states of many tables. Each state has a slot: the index of its row, and of its entry in the other columns.
 * The class extends `SlotRows` because a decision reads rows many times: rows in a field would make it 2 % slower.
 */
export class Slots extends SlotRows {
  private readonly evictable: EvictionLists
  private readonly subjects: string[] = []
  private readonly objects = new Map<number, unknown>()
  private readonly free: number[] = []
  private readonly tables: (ScopeTable | undefined)[] = []
  private readonly freeTables: number[] = []

  constructor(max: number) {
    super(max)
    this.evictable = new EvictionLists(this)
  }

  addTable(chains: Chains, codec: RowCodec<unknown> | undefined): ScopeTable {
    const id = this.freeTables.pop() ?? this.tables.length
    return (this.tables[id] = { id, chains, codec, reader: codec?.createReader(), size: 0, shared: undefined })
  }

  /** Forgets a table that has no states. */
  removeTable({ id }: ScopeTable): void {
    this.tables[id] = undefined
    this.freeTables.push(id)
  }

  /** How many slots hold a state. */
  get size(): number {
    return this.subjects.length - this.free.length
  }

  /** How many slots there are, free ones included. */
  get length(): number {
    return this.subjects.length
  }

  /** How many new states fit, if necessary by evicting others. */
  get spare(): number {
    return this.max - this.size + this.evictable.size
  }

  /** The slot of a subject in a table, or `NO_SLOT`. `first`: the first slot of the subject's chain. */
  find(first: number, { id }: ScopeTable): number {
    return findInChain(this, first, id)
  }

  state(slot: number, { codec }: ScopeTable): unknown {
    return codec === undefined ? this.objects.get(slot) : codec.decode(this.numbers, this.stateOffset(slot))
  }

  isEvictable(slot: number): boolean {
    return this.rankOf(slot) !== PROTECTED
  }

  /** Adds a state and returns its slot. A full store first evicts one that is not in `pinned`. */
  add(table: ScopeTable, subject: string, state: unknown, expiresAt: number, rank: Rank, pinned: readonly unknown[]): number {
    if (this.size >= this.max) this.evict(pinned)
    const slot = this.free.pop() ?? this.subjects.length
    this.reserve(slot)
    append(this, table.chains, this.subjects, slot, subject)
    table.size += 1
    this.put(slot, table, state, expiresAt)
    this.setTableAndRank(slot, table.id, rank)
    this.evictable.add(slot, rank)
    return slot
  }

  update(slot: number, table: ScopeTable, state: unknown, expiresAt: number, rank: Rank): void {
    this.put(slot, table, state, expiresAt)
    // A slot that keeps its rank keeps its age too.
    if (this.rankOf(slot) !== rank) this.changeRank(slot, table, rank)
  }

  /** As `update`, with the state that a reader holds. */
  updateRow(slot: number, table: ScopeTable, reader: RowReader, expiresAt: number, rank: Rank): void {
    this.setExpiresAt(slot, expiresAt)
    reader.save(this.numbers, this.stateOffset(slot))
    if (this.rankOf(slot) !== rank) this.changeRank(slot, table, rank)
  }

  remove(slot: number): void {
    const table = this.tables[this.tableOf(slot)] as ScopeTable
    removeFromChain(this, table.chains, slot, this.subjects[slot] as string)
    table.size -= 1
    this.evictable.remove(slot, this.rankOf(slot))
    this.objects.delete(slot)
    this.setExpiresAt(slot, Infinity)
    this.subjects[slot] = ''
    this.free.push(slot)
  }

  /** The states of these tables count as expired from now on. */
  expire(tables: ReadonlySet<number>): void {
    if (tables.size === 0) return
    for (let slot = 0; slot < this.length; slot++) {
      // A free slot never expires.
      if (this.expiresAt(slot) !== Infinity && tables.has(this.tableOf(slot))) this.setExpiresAt(slot, -Infinity)
    }
  }

  /** Forgets all states and tables. */
  clear(): void {
    for (const table of this.tables) table?.chains.clear()
    for (const column of [this.subjects, this.free, this.tables, this.freeTables]) column.length = 0
    this.objects.clear()
    this.evictable.clear()
  }

  private put(slot: number, { codec }: ScopeTable, state: unknown, expiresAt: number): void {
    this.setExpiresAt(slot, expiresAt)
    if (codec === undefined) this.objects.set(slot, state)
    else codec.encode(state, this.numbers, this.stateOffset(slot))
  }

  private changeRank(slot: number, table: ScopeTable, rank: Rank): void {
    this.evictable.remove(slot, this.rankOf(slot))
    this.setTableAndRank(slot, table.id, rank)
    this.evictable.add(slot, rank)
  }

  private evict(pinned: readonly unknown[]): void {
    const slot = this.evictable.next(pinned)
    if (slot !== NO_SLOT) this.remove(slot)
  }
}
