// CRC-16/XMODEM (polynomial 0x1021), by which Redis Cluster assigns keys to its 16,384 slots (Cluster specification,
// "Keys distribution model"). Only tags are hashed here, when a store is made.
export function crc16(text: string): number {
  let crc = 0
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff
  }
  return crc
}
