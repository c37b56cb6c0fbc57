import { parseDocument, runTests } from '@sluice/policies'
import type { CommandOption, Invocation } from '../command.ts'
import { usageError } from '../terminal/terminal.ts'
import type { StoredDocument } from '@sluice/server'
import { printTests } from './test.ts'

export const TO: CommandOption = {
  name: 'to',
  value: 'URL',
  means:
    'Where the document is: file:PATH, redis://HOST:6379/0?key=sluice:policies, etcd://HOST:2379/sluice/policies/, https://HOST/PATH. rediss and etcds use TLS, and a node of a Redis Cluster stands for all of it. SLUICE_TOKEN is sent to https as a bearer token.',
}

/** A document that may be published. Its own tests decide, unless they are left out. */
export function publishable(invocation: Invocation, source: string, text: string): StoredDocument | undefined {
  const document = parseDocument(text, { source })
  const { namespace, revision } = document
  if (invocation.has('skip-tests')) return { namespace, revision, text }
  const tests = runTests(document)
  if (tests.every(({ failures }) => failures.length === 0)) return { namespace, revision, text }
  if (invocation.isJson) invocation.printJson({ published: false, tests })
  else printTests(invocation, source, tests)
  return undefined
}

/** A revision from the command line. @throws ERR_COMMAND_INVALID */
export function revisionOption({ option }: Pick<Invocation, 'option'>, name: string, least: number): number | undefined {
  const text = option(name)
  if (text === undefined) return undefined
  const revision = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(revision >= least)) throw usageError(`--${name}: expected a whole number, at least ${least}, got ${text}`)
  return revision
}
