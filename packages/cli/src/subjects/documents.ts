import { type DocumentLimiter, limiterOf } from '@sluice/policies'
import type { CommandOption, Invocation } from '../command.ts'
import { readDocument } from '../files.ts'

export const POLICIES: CommandOption = {
  name: 'policies',
  value: 'FILE',
  means: 'The policy document, or several with commas between them: states then have names and numbers.',
}

/** The limiters of the documents of --policies. @throws ERR_COMMAND_FAILED, ERR_POLICY_INVALID */
export async function limitersOf(invocation: Invocation): Promise<readonly DocumentLimiter[]> {
  const files = invocation.option('policies')?.split(',') ?? []
  return await Promise.all(files.map(async (file) => limiterOf(await readDocument(file, invocation))))
}
