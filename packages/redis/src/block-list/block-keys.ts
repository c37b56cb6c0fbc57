import type { BlockTarget } from '@sluice/core/store-kit'
import { hashTagOf } from '../client/watch-stream.ts'

/** The keys of one block list. */
export class BlockKeys {
  /** The entries, their ends, the stream of their changes, and what all processes share. */
  readonly list: readonly [records: string, ends: string, changes: string, shared: string]
  readonly revisions: string
  private readonly tag: string

  /** @throws ERR_OPTION_INVALID */
  constructor(key: string = 'sluice:blocks') {
    this.tag = hashTagOf('redisBlockStorage', key)
    this.list = [`${this.tag}:entries`, `${this.tag}:ends`, `${this.tag}:changes`, `${this.tag}:shared`]
    this.revisions = `${this.tag}:revisions`
  }

  get changes(): string {
    return this.list[2]
  }

  /** The strikes of a target that are being counted. */
  counts(id: string): string {
    return `${this.tag}:strikes:${id}`
  }

  /** The last block of a target by the rule, or by a rule in shadow. */
  last(id: string, isShadow: boolean): string {
    return `${this.tag}:${isShadow ? 'shadow' : 'level'}:${id}`
  }

  /** All keys of one target. */
  of(id: string): readonly string[] {
    return [...this.list, this.counts(id), this.last(id, false), this.last(id, true)]
  }
}

export function idOf({ kind, name }: BlockTarget): string {
  return `${kind === 'address' ? 'a' : 's'}:${name}`
}

export function targetOf(id: string): BlockTarget {
  return { kind: id.startsWith('a:') ? 'address' : 'subject', name: id.slice(2) }
}
