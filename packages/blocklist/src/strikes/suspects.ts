import { Suspect } from './suspect.ts'
import type { BlockTarget } from '@sluice/core/store-kit'

/** How many are compared to find one that can go. */
const SAMPLE = 8

/** The subjects with refusals, in bounded memory: where there is no room, one with few refusals goes, as in Space-Saving (Metwally 2005). */
export class Suspects {
  /** How many went before their time. */
  dropped = 0
  private readonly max: number
  private readonly addresses = new Map<string, Suspect>()
  private readonly subjects = new Map<string, Suspect>()

  constructor(max: number) {
    this.max = max
  }

  get size(): number {
    return this.addresses.size + this.subjects.size
  }

  /** By the text that a limiter has: the name of a target has a prefix. */
  get(kind: BlockTarget['kind'], text: string): Suspect | undefined {
    return (kind === 'address' ? this.addresses : this.subjects).get(text)
  }

  add(target: BlockTarget, text: string): Suspect {
    if (this.size >= this.max) this.drop(this.addresses.size >= this.subjects.size ? this.addresses : this.subjects)
    const suspect = new Suspect(target)
    ;(target.kind === 'address' ? this.addresses : this.subjects).set(text, suspect)
    return suspect
  }

  /** Keeps those for which `isKept` is true. */
  filter(isKept: (suspect: Suspect) => boolean): void {
    for (const map of [this.addresses, this.subjects]) {
      for (const [text, suspect] of map) if (!isKept(suspect)) map.delete(text)
    }
  }

  private drop(map: Map<string, Suspect>): void {
    const sample: [string, Suspect][] = []
    for (const entry of map) if (sample.push(entry) === SAMPLE) break
    let [least, weakest] = sample[0] as [string, Suspect]
    for (const [text, suspect] of sample) {
      // Behind the others, so that the next sample is another one.
      map.delete(text)
      map.set(text, suspect)
      if (suspect.refusals < weakest.refusals) [least, weakest] = [text, suspect]
    }
    map.delete(least)
    this.dropped += 1
  }
}
