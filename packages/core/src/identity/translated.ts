// IPv4 addresses that a translator between IPv4 and IPv6 wrote into IPv6 addresses. Read only where the client cannot choose the bytes: no
// route on the internet leads to these prefixes, so only a translator in the network of the server sends from them. See
// docs/decisions/0029-ipv4-in-ipv6.md.

/** The blocks that no client on the internet has. RFC 6052 forbids such an address in `64:ff9b::/96`. */
const NOT_PUBLIC: readonly (readonly [network: number, bits: number])[] = [
  [0x00_00_00_00, 8],
  [0x0a_00_00_00, 8],
  [0x64_40_00_00, 10],
  [0x7f_00_00_00, 8],
  [0xa9_fe_00_00, 16],
  [0xac_10_00_00, 12],
  [0xc0_a8_00_00, 16],
  [0xe0_00_00_00, 3],
]

/**
 * The IPv4 address, as 4 bytes, in `64:ff9b::a.b.c.d` (NAT64), `::ffff:0:a.b.c.d` (SIIT) and `::a.b.c.d`, if it is public. Any other
 * address is returned as it is, so that no client becomes a private or loopback address.
 */
export function translated(bytes: Uint8Array): Uint8Array {
  // All of these prefixes begin with a 0, and nearly no other address does.
  if (bytes.length === 4 || bytes[0] !== 0 || !isTranslated(new DataView(bytes.buffer, bytes.byteOffset))) return bytes
  const address = bytes.subarray(12)
  const value = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12)
  return NOT_PUBLIC.some(([network, bits]) => (value ^ network) >>> (32 - bits) === 0) ? bytes : address
}

function isTranslated(view: DataView): boolean {
  const head = view.getUint32(0)
  const next = view.getUint32(4)
  const last = view.getUint32(8)
  if (head === 0x00_64_ff_9b) return next === 0 && last === 0
  return head === 0 && next === 0 && (last === 0xff_ff_00_00 || last === 0)
}
