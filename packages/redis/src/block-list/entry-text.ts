// The texts that the scripts write: see lua/blockTime.lua and lua/blockReport.lua.
import { type BlockRecord, endpointsIn, type StrikeEvidence } from '@sluice/core/store-kit'
import { targetOf } from './block-keys.ts'

const ENTRY = /^(refuse|drop|shadow|allow) (\S+) (\d+) (\d+|inf) (\d+) (\S+) ([^]*)$/
const EVIDENCE = /^(\d+),(\d+),(\d+),(\d+),(\d+),(\S*)$/
const COUNTS = /^(\d+) (\d+) (\d+) (\d+) ([0-9a-f]{64}) ([^]*)$/

/** An entry by its id; `undefined` if somebody else wrote the text. */
export function parseEntry(id: string, text: string): BlockRecord | undefined {
  const [, effect, rule = '', since, until, level, evidence = '', reason = ''] = ENTRY.exec(text) ?? []
  if (effect === undefined) return undefined
  return {
    ...targetOf(id),
    effect: effect as BlockRecord['effect'],
    rule,
    since: Number(since),
    until: until === 'inf' ? Infinity : Number(until),
    level: Number(level),
    evidence: evidence === '-' ? undefined : evidenceOf(EVIDENCE.exec(evidence)),
    reason,
  }
}

/** The counts that are being collected; `undefined` for none. */
export function parseCounts(text: string): StrikeEvidence | undefined {
  const match = COUNTS.exec(text)
  return match === null ? undefined : evidenceOf(match, endpointsIn(match[5] ?? ''))
}

/** The level of a last block, as that block ended. */
export function parseLevel(text: string): number {
  return Number(/^(\d+) \d+$/.exec(text)?.[1] ?? 0)
}

function evidenceOf(match: RegExpExecArray | null, endpoints: number = Number(match?.[5])): StrikeEvidence | undefined {
  if (match === null) return undefined
  const [, since, strikes, refused, requests, , limits = ''] = match
  return {
    since: Number(since),
    strikes: Number(strikes),
    refused: Number(refused),
    requests: Number(requests),
    endpoints,
    limits: limits === '' ? [] : limits.split('|'),
  }
}
