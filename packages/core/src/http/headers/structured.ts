import { invalid } from '../../errors.ts'

// The parts of RFC 9651 (Structured Field Values) that the rate limit fields use. A strict parser drops a field with one wrong byte, so
// the tests read every field with another package's parser.

/** The largest Integer that a parser must accept: 15 digits. */
export const LARGEST_INTEGER = 999_999_999_999_999

/**
 * A String in quotes, with quotes and backslashes escaped. Only printable ASCII can be written.
 * @throws ERR_NAME_INVALID
 */
export function sfString(text: string): string {
  let escaped = ''
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e) throw invalid('structured field string', 'printable ASCII', text, 'ERR_NAME_INVALID')
    escaped += code === 0x22 || code === 0x5c ? `\\${text[i]}` : text[i]
  }
  return `"${escaped}"`
}

/** An Integer: rounded down, and clamped to 15 digits, the most that a parser must accept. NaN is 0. */
export function sfInteger(value: number): string {
  return String(toInteger(value))
}

/** The number that `sfInteger` writes. */
export function toInteger(value: number): number {
  const whole = Math.floor(value)
  if (whole > LARGEST_INTEGER) return LARGEST_INTEGER
  if (whole < -LARGEST_INTEGER) return -LARGEST_INTEGER
  // NaN and −0 become 0.
  return whole || 0
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** A Byte Sequence: base64 with padding, between colons. */
export function sfBytes(bytes: Uint8Array): string {
  let text = ':'
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i
    const word = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    text += BASE64.charAt(word >> 18) + BASE64.charAt((word >> 12) & 63)
    text += left > 1 ? BASE64.charAt((word >> 6) & 63) : '='
    text += left > 2 ? BASE64.charAt(word & 63) : '='
  }
  return `${text}:`
}
