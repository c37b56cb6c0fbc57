import type { Charge } from '@sluice/core'
import { bitsOfIPv4 } from '@sluice/core/store-kit'
import type { CompiledLimit } from './compile/revision.ts'
import type { Chosen } from './compile/select.ts'

/** The mark of an address that stands for a missing value. */
const ADDRESS = '~ip:'
/** The texts of addresses have scopes of their own, so any text may be one of them. */
const PACKED = '='

/**
 * Where the judge keeps the state of a limit for a subject. A replay spends most of its time on finding states, by the text of the subject. So
 * all limits by one address, be it for itself or in the place of a missing value, find theirs by one text, which is short for an IPv4 address:
 * what a subject stands for is in the scope instead.
 */
export class StatePlaces<C> {
  private readonly scopes = new Map<CompiledLimit<C>, readonly string[]>()
  private last = ''
  /** The short text of the last subject; `undefined` if it has none. */
  private packed: string | undefined

  chargeOf({ compiled, limit, subject }: Chosen<C>, isShadow: boolean, cost: number): Charge {
    const isInPlace = subject.startsWith(ADDRESS)
    const text = isInPlace ? subject.slice(ADDRESS.length) : subject
    // The limits of a request mostly have the same subject.
    if (text !== this.last) {
      const bits = bitsOfIPv4(text)
      this.last = text
      this.packed = bits < 0 ? undefined : PACKED + String.fromCharCode(bits >>> 16, bits & 0xff_ff)
    }
    const { packed } = this
    const scope = this.scopesOf(compiled)[Number(isShadow) + (isInPlace ? 2 : 0) + (packed === undefined ? 0 : 4)] as string
    return { limit, scope, subject: packed ?? text, cost }
  }

  private scopesOf(compiled: CompiledLimit<C>): readonly string[] {
    let scopes = this.scopes.get(compiled)
    if (scopes === undefined) {
      // Behind the name of the policy, whose limits share what they find of a subject.
      scopes = Array.from({ length: 8 }, (_, i) => `${compiled.scope} ${i}`)
      this.scopes.set(compiled, scopes)
    }
    return scopes
  }
}
