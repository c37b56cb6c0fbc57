import { randomBytes } from 'node:crypto'
import type { Decision } from '@sluice/core'
import { uniqueId } from '@sluice/core/store-kit'
import { correctionsOf, type ResponseCorrection } from '@sluice/policies'
import type { DecisionSettings } from '../decision-options.ts'
import type { Service } from '../service.ts'
import { isCorrectable, read, write } from './decision-codec.ts'
import { Seal } from './seal.ts'

/** A decision that came back. */
export interface ReturnedDecision {
  /** Unique to the decision. */
  readonly id: string
  readonly namespace: string
  readonly decision: Decision
  readonly corrections: readonly ResponseCorrection[]
  readonly isExpired: boolean
}

/** Gives decisions to callers as sealed texts, and takes them back. */
export class Decisions {
  /** ms for which a decision can be settled. */
  readonly lifetime: number
  private readonly seal: Seal
  private readonly service: Service
  private readonly process = uniqueId()

  constructor(service: Service, { secret, previousSecret, lifetime }: DecisionSettings) {
    this.service = service
    this.lifetime = lifetime
    // Without a secret, a decision is settled by the process that made it.
    this.seal = new Seal(secret ?? randomBytes(32), previousSecret)
  }

  /** `undefined` where nothing can be corrected. */
  give(namespace: string, decision: Decision | undefined): string | undefined {
    if (decision === undefined || !isCorrectable(decision)) return undefined
    const expires = Math.ceil((this.service.clock.now() + this.lifetime) / 1000)
    const document = this.service.feed.document(namespace)
    const corrections = document === undefined ? [] : correctionsOf(document, decision)
    return this.seal.seal(write({ namespace, expires, process: this.process, decision, corrections }))
  }

  /** `undefined` for a text that this service, or another one with its secret, has not made. */
  take(token: string): ReturnedDecision | undefined {
    const opened = this.seal.open(token)
    if (opened === undefined) return undefined
    const { namespace, expires, decision, corrections } = read(opened.text, this.process)
    return { id: opened.id, namespace, decision, corrections, isExpired: this.service.clock.now() >= expires * 1000 }
  }
}
