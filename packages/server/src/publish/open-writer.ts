import { fileURLToPath } from 'node:url'
import type { Invocation } from '../command.ts'
import { plain, usageError } from '../terminal/terminal.ts'
import { etcdWriter } from './etcd-writer.ts'
import { fileWriter } from './file-writer.ts'
import { httpWriter } from './http-writer.ts'
import { redisWriter } from './redis-writer.ts'
import type { PolicyWriter } from './writer.ts'

const EXPECTED = 'a URL: file:sluice.yaml, redis://host:6379, etcd://host:2379 or https://host/sluice.yaml'

/** The place that `--to` names. @throws ERR_COMMAND_INVALID */
export async function openWriter(name: string, { option, io }: Pick<Invocation, 'option' | 'io'>): Promise<PolicyWriter> {
  const to = option('to')
  if (to === undefined) throw usageError(`sluice ${name}: --to is missing; expected ${EXPECTED}`)
  const writer = await writerOf(to, io.env)
  // Without what stands before an @, which may be a password.
  if (writer === undefined) throw usageError(`sluice ${name}: --to: expected ${EXPECTED}, got ${plain(to.replace(/\/\/[^/]*@/, '//…@'))}`)
  return writer
}

async function writerOf(to: string, env: Invocation['io']['env']): Promise<PolicyWriter | undefined> {
  const [, scheme, rest = ''] = /^([a-z]+):(.*)$/.exec(to) ?? []
  if (scheme === 'file' && rest !== '') return fileWriter(rest.startsWith('//') ? fileURLToPath(to) : rest)
  if (scheme === 'etcd' || scheme === 'etcds') return await etcdWriter(to)
  if (!URL.canParse(to) || !rest.startsWith('//')) return undefined
  if (scheme === 'redis' || scheme === 'rediss') return await redisWriter(to)
  const { username, password } = new URL(to)
  if ((scheme === 'http' || scheme === 'https') && username === '' && password === '') return httpWriter(to, env['SLUICE_TOKEN'])
  return undefined
}
