import { createHash } from 'node:crypto'

const PREFIX = 'sha256:'
const MAX_REMEMBERED = 10_000

/** A value as `sha256:<hex>`, so that a document can name a secret without having it. */
export class Digests {
  private readonly known = new Map<string, string>()

  of(value: string): string {
    const known = this.known.get(value)
    if (known !== undefined) return known
    const digest = PREFIX + createHash('sha256').update(value).digest('hex')
    // Clients choose the values.
    if (value.length <= 256) {
      if (this.known.size >= MAX_REMEMBERED) this.known.clear()
      this.known.set(value, digest)
    }
    return digest
  }
}

export function isDigest(text: string): boolean {
  return text.length === PREFIX.length + 64 && text.startsWith(PREFIX)
}
