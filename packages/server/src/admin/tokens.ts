import { createHash, randomBytes } from 'node:crypto'

/** The shortest token that is looked up. A shorter one could be guessed, and its hash as well. */
const LEAST = 32
/** The longest. */
const MOST = 512

/** Whether a token may have this length. */
export function isLongEnough(token: string): boolean {
  return token.length >= LEAST && token.length <= MOST
}

/** SHA-256 of a token. Of one that is too long only the beginning is hashed: it is refused by its length. */
export function digestOf(token: string): Buffer {
  return createHash('sha256').update(token.slice(0, MOST)).digest()
}

/** A new token: 256 random bits. */
export function newToken(): string {
  return `sluice_${randomBytes(32).toString('base64url')}`
}
