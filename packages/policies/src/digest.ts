import { SluiceError } from '@sluice/core'

const PREFIX = 'sha256:'

/** SHA-256 of a text, in hexadecimal digits. @throws ERR_OPTION_INVALID on a runtime without Node's crypto */
function digestOf(text: string): string {
  // Not imported: an edge runtime without it could not load this package at all, and few documents need it.
  const crypto = globalThis.process?.getBuiltinModule?.('node:crypto')
  if (crypto === undefined)
    throw new SluiceError(
      'ERR_OPTION_INVALID',
      'a value as sha256: expected a runtime with node:crypto, got none; on Cloudflare Workers, set the flag nodejs_compat',
    )
  return crypto.createHash('sha256').update(text).digest('hex')
}

/** Whether a value of a document stands for a secret: `sha256:` and 64 hexadecimal digits. A client cannot guess what it stands for. */
export function isDigest(value: unknown): boolean {
  return typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value)
}

const MAX_REMEMBERED = 10_000
const MAX_LENGTH = 256

/** Values as `sha256:<hex>`, so that a document can name a secret without having it. Those of clients that return are remembered. */
export class Digests {
  private readonly known = new Map<string, string>()

  of(value: string): string {
    const known = this.known.get(value)
    if (known !== undefined) return known
    const digest = PREFIX + digestOf(value)
    if (value.length <= MAX_LENGTH) {
      if (this.known.size >= MAX_REMEMBERED) this.known.clear()
      this.known.set(value, digest)
    }
    return digest
  }
}
