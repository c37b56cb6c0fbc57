// Addresses as bytes: 4 for IPv4, 16 for IPv6. Parsed by hand: a correct regular expression for IPv6 is unreadable, and one that
// is nearly correct lets clients escape their limit.

const DOT = 46
const COLON = 58
const UNDERSCORE = 95

/** A block of addresses: all that share the first `bits` bits of `address`. */
export interface Cidr {
  /** 4 or 16 bytes. The bits after the prefix are 0. */
  readonly address: Uint8Array
  /** Length of the prefix: 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly bits: number
}

/**
 * Parses an address into 4 or 16 bytes; returns `undefined` for any other text. Accepts a port (`1.2.3.4:80`, `[::1]:80`) and
 * brackets. Drops a zone. Any notation of an IPv4-mapped address becomes the IPv4 address. Refuses octets with a leading zero, since
 * many parsers read them as octal.
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (text.startsWith('[')) {
    const close = text.indexOf(']')
    const bare = close === text.length - 1
    return close > 0 && (bare || (text.charCodeAt(close + 1) === COLON && isPort(text, close + 2)))
      ? parseV6(text.slice(1, close))
      : undefined
  }
  const colon = text.indexOf(':')
  if (colon < 0) return parseV4(text)
  // Without brackets, the text after the last colon is a group of the IPv6 address, not a port.
  if (text.includes(':', colon + 1)) return parseV6(text)
  return isPort(text, colon + 1) ? parseV4(text.slice(0, colon)) : undefined
}

/** Writes an IPv4 address, or the network of an IPv6 address as RFC 5952 does: `2001:db8:0:100::/56`. `ipv6Prefix` is in bits. */
export function canonicalAddress(bytes: Uint8Array, ipv6Prefix: number): string {
  return bytes.length === 4 ? formatAddress(bytes) : `${formatAddress(masked(bytes, ipv6Prefix))}/${ipv6Prefix}`
}

/** Whether the text is a canonical IPv4 address, without a port. Allocates nothing, since most clients have one. */
export function isPlainIPv4(text: string): boolean {
  return scanV4(text, 0) >= 0
}

/** The 32 bits of a canonical IPv4 address as a whole number; −1 for any other text. Allocates nothing. */
export function bitsOfIPv4(text: string): number {
  return scanV4(text, 0)
}

/**
 * Returns a new text of an IPv4 address; `undefined` for any other text. A text cut from a header would keep the whole header, up
 * to 16 kB, in memory.
 */
export function plainIPv4(text: string): string | undefined {
  const bits = scanV4(text, 0)
  return bits < 0 ? undefined : `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`
}

/** Writes dotted decimal, or RFC 5952: lower case, no leading zeros, the first of the longest runs of two or more zero groups as `::`. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`
  const [from, to] = longestZeros(bytes)
  let text = ''
  for (let group = 0; group < 8; group++) {
    if (group === from) {
      text += '::'
      group = to - 1
    } else {
      text += `${text === '' || group === to ? '' : ':'}${groupAt(bytes, group).toString(16)}`
    }
  }
  return text
}

/**
 * Parses `10.0.0.0/8`, `2001:db8::/32` or a single address. A block of IPv4-mapped addresses becomes the IPv4 block. Returns
 * `undefined` for any other text, such as one with a port or a netmask.
 */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const plain = slash < 0 ? text : text.slice(0, slash)
  const v6 = plain.includes(':')
  const bytes = v6 ? parseV6(plain) : parseV4(plain)
  if (bytes === undefined) return undefined
  const length = slash < 0 ? (v6 ? 128 : 32) : decimal(text, slash + 1, text.length, 128)
  const bits = v6 && bytes.length === 4 ? length - 96 : length
  // A mapped block shorter than /96 contains more than IPv4 addresses, and is surely a mistake.
  return length < 0 || bits < 0 || bits > bytes.length * 8 ? undefined : { address: masked(bytes, bits), bits }
}

/** Whether the address is in the block. An IPv6 block contains no IPv4 address, not even `::/0`. */
export function inCidr(address: Uint8Array, cidr: Cidr): boolean {
  if (address.length !== cidr.address.length) return false
  const whole = cidr.bits >> 3
  for (let i = 0; i < whole; i++) if (address[i] !== cidr.address[i]) return false
  const rest = cidr.bits & 7
  return rest === 0 || ((address[whole] ?? 0) ^ (cidr.address[whole] ?? 0)) >> (8 - rest) === 0
}

function parseV4(text: string): Uint8Array | undefined {
  const value = scanV4(text, 0)
  return value < 0 ? undefined : Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

/** The 32 bits of the dotted decimal from `start` to the end of the text; −1 for any other text. */
function scanV4(text: string, start: number): number {
  let bits = 0
  let octets = 0
  let value = 0
  let digits = 0
  for (let i = start; i <= text.length; i++) {
    const code = i === text.length ? DOT : text.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || value > 255) return -1
      bits = bits * 256 + value
      octets++
      value = digits = 0
    } else {
      const digit = code - 48
      if (digit < 0 || digit > 9 || (digits === 1 && value === 0)) return -1
      value = value * 10 + digit
      digits++
    }
  }
  return octets === 4 ? bits : -1
}

/** Parses an IPv6 address without brackets or a port, and drops its zone. Returns 4 bytes for an IPv4-mapped address. */
function parseV6(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16)
  const length = readIPv6(text, bytes)
  return length === 0 ? undefined : length === 4 ? bytes.slice(12) : bytes
}

/**
 * Writes an IPv6 address without brackets or a port into 16 bytes, and drops its zone. Returns 16, or 4 for an IPv4-mapped address, whose bytes are
 * the last four; 0 for any other text, after which the bytes mean nothing. Allocates nothing, unless there is a zone.
 */
export function readIPv6(zoned: string, bytes: Uint8Array): 0 | 4 | 16 {
  const percent = zoned.indexOf('%')
  if (percent >= 0 && percent === zoned.length - 1) return 0
  const text = percent < 0 ? zoned : zoned.slice(0, percent)
  let at = 0
  let gap = -1
  let i = 0
  if (text.startsWith('::')) {
    gap = 0
    i = 2
  }
  while (i < text.length) {
    if (at === 16) return 0
    const start = i
    let value = 0
    for (; i < text.length && i < start + 4; i++) {
      const digit = hexDigit(text.charCodeAt(i))
      if (digit < 0) break
      value = value * 16 + digit
    }
    const next = text.charCodeAt(i)
    if (next === DOT) {
      const tail = scanV4(text, start)
      if (at > 12 || tail < 0) return 0
      for (let shift = 24; shift >= 0; shift -= 8) bytes[at++] = tail >>> shift
      break
    }
    if (i === start) return 0
    bytes[at++] = value >> 8
    bytes[at++] = value & 255
    if (i === text.length) break
    if (next !== COLON || ++i === text.length) return 0
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return 0
      gap = at
      i++
    }
  }
  if (gap < 0 ? at !== 16 : at === 16) return 0
  if (gap >= 0) {
    bytes.copyWithin(16 - at + gap, gap, at)
    bytes.fill(0, gap, 16 - at + gap)
  }
  return isMapped(bytes) ? 4 : 16
}

/** ::ffff:0:0/96 */
function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return bytes[10] === 255 && bytes[11] === 255
}

/** A number from 0 to `max` in digits without a leading zero; −1 for any other text. */
function decimal(text: string, start: number, end: number, max: number): number {
  if (start >= end || end - start > 5 || (text.charCodeAt(start) === 48 && end - start > 1)) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value > max ? -1 : value
}

/** Whether the rest of the text is a port: a number, or the obfuscated port of RFC 7239 (`_x`). */
function isPort(text: string, start: number): boolean {
  return (text.charCodeAt(start) === UNDERSCORE && start + 1 < text.length) || decimal(text, start, text.length, 65_535) >= 0
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function masked(bytes: Uint8Array, bits: number): Uint8Array {
  const copy = bytes.slice()
  for (let i = bits >> 3; i < copy.length; i++) copy[i] = (copy[i] ?? 0) & (0xff00 >> Math.max(0, bits - i * 8))
  return copy
}

function groupAt(bytes: Uint8Array, group: number): number {
  return ((bytes[group * 2] ?? 0) << 8) | (bytes[group * 2 + 1] ?? 0)
}

/** The first group that `::` replaces, and the group after the last; [-1, -1] for none. */
function longestZeros(bytes: Uint8Array): readonly [number, number] {
  let best: readonly [number, number] = [-1, -1]
  let longest = 1
  for (let from = 0; from < 8; from++) {
    let to = from
    while (to < 8 && groupAt(bytes, to) === 0) to++
    if (to - from > longest) {
      longest = to - from
      best = [from, to]
    }
    from = to
  }
  return best
}
