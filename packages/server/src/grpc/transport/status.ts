/** The codes of gRPC that the service answers. */
export const STATUS = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(STATUS).map(([name, code]) => [code, name]))

/** Such as `RESOURCE_EXHAUSTED`. */
export function nameOf(status: StatusCode): string {
  return NAMES.get(status) as string
}

export type StatusCode = (typeof STATUS)[keyof typeof STATUS]

/** Ends a call with a status other than OK. Its message is for the caller. */
export class StatusError extends Error {
  readonly status: StatusCode

  constructor(status: StatusCode, message: string) {
    super(message)
    this.name = 'StatusError'
    this.status = status
  }
}

/** Callers may be given less of a long message: a header has its limits. */
const MAX_MESSAGE = 1_024

/** A message as the field `grpc-message` has it: printable ASCII, all other bytes of its UTF-8 as `%XX`. */
export function percentEncoded(message: string): string {
  const text = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}…` : message
  if (/^[ -$&-~]*$/.test(text)) return text
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }

/** ms that a caller waits, by the field `grpc-timeout`, such as `20m`. `undefined` without one. @throws StatusError for one that is malformed */
export function timeoutOf(field: string | string[] | undefined): number | undefined {
  if (field === undefined) return undefined
  const match = typeof field === 'string' ? /^(\d{1,8})([HMSmun])$/.exec(field) : null
  if (match === null) throw new StatusError(STATUS.INTERNAL, 'grpc-timeout: expected 1 to 8 digits and a unit, such as 20m')
  return Number(match[1]) * (UNITS[match[2] as string] as number)
}
