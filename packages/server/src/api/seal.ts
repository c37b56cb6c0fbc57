import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, randomFillSync, timingSafeEqual } from 'node:crypto'

// A sealed text is `d1.` and, in base64url, a random number, what it seals, encrypted by AES-256-CTR, and an HMAC-SHA256 of all before it. It is
// encrypted, since it names limits that clients must not see. It is signed, since
// a caller could otherwise give back units that were never taken.

const PREFIX = 'd1.'
const IV = 16
const MAC = 32

/** The keys that one secret gives: one for each use. With bytes in their place, each text would take four times as long. */
interface Keys {
  readonly encryption: KeyObject
  readonly signature: KeyObject
}

/** What a sealed text contains. */
export interface Opened {
  /** Unique to the text. */
  readonly id: string
  readonly text: string
}

/** Seals texts by a secret, and opens those that were sealed by it or by the secret before it. */
export class Seal {
  private readonly current: Keys
  private readonly keys: readonly Keys[]

  constructor(secret: string | Uint8Array, previous: string | undefined) {
    this.current = keysOf(secret)
    this.keys = previous === undefined ? [this.current] : [this.current, keysOf(previous)]
  }

  /** @returns the sealed text, in letters, digits, `.`, `-` and `_` */
  seal(text: string): string {
    const { encryption, signature } = this.current
    const iv = randomIv()
    const cipher = createCipheriv('aes-256-ctr', encryption, iv)
    const sealed = Buffer.concat([iv, cipher.update(text, 'utf8')])
    return PREFIX + Buffer.concat([sealed, macOf(signature, sealed)]).toString('base64url')
  }

  /** `undefined` for a text that was not sealed by these secrets, or that was changed. */
  open(token: string): Opened | undefined {
    if (!token.startsWith(PREFIX)) return undefined
    const bytes = Buffer.from(token.slice(PREFIX.length), 'base64url')
    // Another spelling of the same bytes was not made here.
    if (bytes.length <= IV + MAC || PREFIX + bytes.toString('base64url') !== token) return undefined
    const sealed = bytes.subarray(0, -MAC)
    const mac = bytes.subarray(-MAC)
    const keys = this.keys.find(({ signature }) => timingSafeEqual(macOf(signature, sealed), mac))
    if (keys === undefined) return undefined
    const iv = sealed.subarray(0, IV)
    const decipher = createDecipheriv('aes-256-ctr', keys.encryption, iv)
    return { id: iv.toString('base64url'), text: decipher.update(sealed.subarray(IV)).toString('utf8') }
  }
}

function keysOf(secret: string | Uint8Array): Keys {
  const keyFor = (use: string) => createSecretKey(createHmac('sha256', secret).update(`sluice decision ${use}`).digest())
  return { encryption: keyFor('encryption'), signature: keyFor('signature') }
}

function macOf(key: KeyObject, sealed: Uint8Array): Buffer {
  return createHmac('sha256', key).update(PREFIX).update(sealed).digest()
}

// Random bytes are drawn for many texts at a time: a call for each takes longer than all else.
const POOL = Buffer.alloc(IV * 256)
let used = POOL.length

function randomIv(): Buffer {
  if (used === POOL.length) {
    randomFillSync(POOL)
    used = 0
  }
  used += IV
  return Buffer.from(POOL.subarray(used - IV, used))
}
