import { invalid, knownOptions } from '@sluice/core/adapter-kit'

/** What the HTTP server bears of its clients. Times are in ms. */
export interface HttpLimits {
  /** Bytes of a body: 1 kB to 16 MB. A larger one is answered with 413. Default: 65,536. */
  readonly maxBody?: number | undefined
  /** Bytes of all headers of a request: 1 kB to 1 MB. More are answered with 431. Default: 16,384. */
  readonly maxHeaders?: number | undefined
  /** Connections of one process: 1 to 1,000,000. One more is closed at once. Default: 10,000. */
  readonly maxConnections?: number | undefined
  /** How long the headers of a request may take to arrive: 100 to 600,000. Then the client gets 408. Default: 5,000. */
  readonly headersTimeout?: number | undefined
  /** How long a whole request may take to arrive, with its body: 100 to 600,000. Then the client gets 408. Default: 10,000. */
  readonly requestTimeout?: number | undefined
  /** How long an answer may take: 100 to 600,000. Then the client gets 503. Default: 30,000. */
  readonly answerTimeout?: number | undefined
  /** How long a connection without a request stays open: 0 to 600,000. Longer than a proxy in front keeps it. Default: 75,000. */
  readonly keepAlive?: number | undefined
}

export type HttpLimitSettings = { readonly [K in keyof HttpLimits]-?: number }

const HTTP_LIMITS: Readonly<Record<keyof HttpLimits, readonly [least: number, most: number, byDefault: number]>> = {
  maxBody: [1_024, 16_777_216, 65_536],
  maxHeaders: [1_024, 1_048_576, 16_384],
  maxConnections: [1, 1_000_000, 10_000],
  headersTimeout: [100, 600_000, 5_000],
  requestTimeout: [100, 600_000, 10_000],
  answerTimeout: [100, 600_000, 30_000],
  keepAlive: [0, 600_000, 75_000],
}

/** @throws ERR_OPTION_INVALID, ERR_OPTION_UNKNOWN */
export function httpLimits(where: string, limits: HttpLimits = {}): HttpLimitSettings {
  knownOptions(where, limits, Object.keys(HTTP_LIMITS))
  const entries = Object.entries(HTTP_LIMITS).map(([name, [least, most, byDefault]]) => {
    const value = limits[name as keyof HttpLimits] ?? byDefault
    if (!Number.isInteger(value) || value < least || value > most)
      throw invalid(`${where}.${name}`, `a whole number from ${least} to ${most}`, value)
    return [name, value]
  })
  return Object.fromEntries(entries) as HttpLimitSettings
}
