import type { Connection } from '../client/connect.ts'
import { escaped, Reader } from '../inspect/reader.ts'
import { type Keys, subjectOf } from '../keys.ts'
import { regionsKey } from '../state/ledger-keys.ts'
import { packedSubjectOf } from '../state/packed.ts'
import type { LedgerName } from './types.ts'

/** The keys that a step of SCAN looks at. */
const STEP = 250
const LEDGER = regionsKey('')
/** The policy; for a packed state, what follows it; and the subject, or the place of the state in its bucket. */
const LEDGER_NAME = /^[^}]*\}:([^:+]*)(\+[^:]*)?:([^]*)$/

/** The subjects that have a ledger, one step of SCAN at a time. A subject whose key has only its hash or digest is left out. */
export async function* ledgersOf(connection: Connection, keys: Keys, policies: readonly string[]): AsyncGenerator<readonly LedgerName[]> {
  const reader = await Reader.on(connection)
  const start = `${keys.prefix}:{`
  const names = new Map(policies.map((policy) => [keys.policyPart(policy), policy]))
  for (const scan of await reader.scanners(`${escaped(start)}*}:*${LEDGER}`, STEP)) {
    let cursor = '0'
    do {
      const step = await scan(cursor)
      ;({ cursor } = step)
      yield step.keys.flatMap((key) => {
        const [, part = '', state, text = ''] = LEDGER_NAME.exec(key.slice(start.length, -LEDGER.length)) ?? []
        const subject = state === undefined ? subjectOf(text) : packedSubjectOf(text)
        return subject === undefined || part === '' ? [] : [{ policy: names.get(part), subject }]
      })
    } while (cursor !== '0')
  }
}
