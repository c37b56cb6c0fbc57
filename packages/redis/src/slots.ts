// Redis Cluster divides its keys into 16,384 slots by CRC-16/XMODEM (polynomial 0x1021) of the hash tag (Cluster specification,
// "Keys distribution model"). Sluice computes slots only when a store is made or a connection is opened, never for a request.

export const SLOTS = 16_384

/** The cluster slot of the keys with this hash tag. */
export function slotOf(tag: string): number {
  return crc16(tag) % SLOTS
}

function crc16(text: string): number {
  let crc = 0
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff
  }
  return crc
}
