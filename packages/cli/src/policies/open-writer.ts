import type { PolicyWriter } from '@sluice/server'
import type { Invocation } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'

const EXPECTED = 'a URL: file:sluice.yaml, redis://host:6379, etcd://host:2379 or https://host/sluice.yaml'

/** The place that `--to` names. @throws ERR_COMMAND_INVALID */
export async function openWriter(name: string, { option, io }: Pick<Invocation, 'option' | 'io'>): Promise<PolicyWriter> {
  const to = option('to')
  if (to === undefined) throw usageError(`sluice ${name}: --to is missing; expected ${EXPECTED}`)
  // Loaded here, since most commands publish nothing.
  const { policyWriter } = await import('@sluice/server')
  const writer = await policyWriter(to, { token: io.env['SLUICE_TOKEN'] })
  // Without what stands before an @, which may be a password.
  if (writer === undefined) throw usageError(`sluice ${name}: --to: expected ${EXPECTED}, got ${plain(to.replace(/\/\/[^/]*@/, '//…@'))}`)
  return writer
}
