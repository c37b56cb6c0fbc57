import type { CheckAnswer, LimitAnswer, ReleaseAnswer, SettlementAnswer } from '../../api/contract.ts'
import type { Writer } from '../wire/writer.ts'

const VERDICTS = { allowed: 1, refused: 2, blocked: 3, unavailable: 4 } as const

/** The message `CheckResponse` of `sluice.v1`. */
export function writeCheck(writer: Writer, answer: CheckAnswer): void {
  writer.bool(0x08, answer.allowed)
  writer.uint(0x10, VERDICTS[answer.verdict])
  writer.uint(0x18, answer.status)
  writer.text(0x22, answer.namespace)
  writer.uint(0x28, answer.revision ?? 0)
  for (const policy of answer.policies) writer.text(0x32, policy)
  writer.text(0x3a, answer.tier ?? '')
  writer.text(0x42, answer.binding ?? '')
  writer.optional(0x48, answer.remaining)
  writer.optional(0x50, answer.retryAfterMs)
  writer.optional(0x58, answer.resetAfterMs)
  writer.uint(0x60, answer.delayMs)
  writer.uint(0x68, answer.granted)
  writer.text(0x72, answer.source)
  for (const limit of answer.limits) {
    const start = writer.enter(0x7a)
    writeLimit(writer, limit)
    writer.leave(start)
  }
  for (const [name, value] of Object.entries(answer.headers)) {
    const start = writer.enter(0x82)
    writer.text(0x0a, name)
    writer.text(0x12, value)
    writer.leave(start)
  }
  if (answer.problem !== undefined) writer.text(0x8a, JSON.stringify(answer.problem))
  writer.text(0x92, answer.decision ?? '')
}

function writeLimit(writer: Writer, limit: LimitAnswer): void {
  writer.text(0x0a, limit.name)
  writer.text(0x12, limit.label ?? '')
  writer.text(0x1a, limit.algorithm)
  writer.uint(0x20, limit.limit)
  writer.optional(0x28, limit.windowMs)
  writer.text(0x32, limit.window ?? '')
  writer.optional(0x38, limit.remaining)
  writer.optional(0x40, limit.used)
  writer.optional(0x48, limit.retryAfterMs)
  writer.optional(0x50, limit.resetAfterMs)
  writer.optional(0x58, limit.allowed === null ? null : Number(limit.allowed))
}

/** The message `SettleResponse` of `sluice.v1`. */
export function writeSettled(writer: Writer, { settled, reason }: SettlementAnswer): void {
  writer.bool(0x08, settled)
  writer.text(0x12, reason ?? '')
}

/** The message `ReleaseResponse` of `sluice.v1`. */
export function writeReleased(writer: Writer, { released, reason }: ReleaseAnswer): void {
  writer.bool(0x08, released)
  writer.text(0x12, reason ?? '')
}
