import type { BlockRecord, BlockTarget, StrikeEvidence } from '@sluice/core/store-kit'

/** What is known of a target: the answer of `why`. */
export interface Why {
  readonly target: BlockTarget
  /** What blocks it: its own entry, or that of a CIDR that has all of it. */
  readonly blocked: BlockRecord | undefined
  /** What allows it: it is then neither struck nor blocked. The rule `option` is the option `allow` of this process. */
  readonly allowed: BlockRecord | undefined
  /** The strikes that are being counted now, of all processes. */
  readonly counting: StrikeEvidence | undefined
  /** The level of its last block by the rule, as that block began; 0 for none. */
  readonly level: number
}
