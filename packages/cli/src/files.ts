import { readFileSync } from 'node:fs'
import { parseDocument, type PolicyDocument } from '@sluice/policies'
import type { Invocation } from './command.ts'
import { failed } from './terminal/terminal.ts'

/** A text and the name of its file, for messages. */
export interface NamedText {
  readonly source: string
  readonly text: string
}

/** The text of a file, or of standard input for `-`. @throws ERR_COMMAND_FAILED */
export async function readText(path: string, { io }: Pick<Invocation, 'io'>): Promise<NamedText> {
  if (path !== '-') {
    try {
      return { source: path, text: readFileSync(path, 'utf8') }
    } catch (error) {
      throw failed(`${path} cannot be read: ${reasonOf(error)}`, error)
    }
  }
  const chunks: Buffer[] = []
  for await (const chunk of io.in) chunks.push(Buffer.from(chunk))
  return { source: 'standard input', text: Buffer.concat(chunks).toString('utf8') }
}

/** @throws ERR_COMMAND_FAILED, ERR_POLICY_INVALID */
export async function readDocument(path: string, invocation: Pick<Invocation, 'io'>): Promise<PolicyDocument> {
  const { source, text } = await readText(path, invocation)
  return parseDocument(text, { source })
}

/** Why a system call failed, without the path, which the message has already. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'access is denied'
  if (code === 'EISDIR') return 'it is a folder'
  return message ?? String(error)
}
