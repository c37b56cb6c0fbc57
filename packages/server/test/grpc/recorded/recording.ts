// What a recording is, and the document under which it was made.

/** The bytes that a client sent on one connection, and what it was answered. */
export interface Recording {
  /** Such as `@grpc/grpc-js 1.14.7`. */
  readonly client: string
  /** As they came, in base64. */
  readonly sent: readonly string[]
  /** The requests in these bytes, as protobufjs decodes them. */
  readonly requests: readonly RecordedRequest[]
  /** The overall code of each call of ShouldRateLimit: 1 is OK, 2 is OVER_LIMIT. */
  readonly codes: readonly number[]
}

export interface RecordedRequest {
  readonly domain: string
  readonly descriptors: readonly { readonly entries: readonly { readonly key: string; readonly value: string }[] }[]
  readonly hits_addend: number
}

/** Two requests a day of each user: the window is long, so that a recording is replayed in one. */
export const RECORDED_DOCUMENT = `
apiVersion: sluice/v1
namespace: shop
revision: 7
subjects:
  user: { parts: [{ attribute: user }], missing: skip }
  address: { parts: [{ attribute: remote_address }], missing: skip }
policies:
  - name: users
    rules: [{ name: all, limits: [{ name: day, algorithm: slidingLog, limit: 2, window: 1d, subject: user }] }]
  - name: addresses
    rules: [{ name: all, limits: [{ name: day, algorithm: slidingLog, limit: 9, window: 1d, subject: address }] }]
`

/** The same calls for each client: their descriptors, as lists of entries, and their hits. */
export const RECORDED_CALLS: readonly {
  readonly descriptors: readonly (readonly [key: string, value: string][])[]
  readonly hits: number
}[] = [
  { descriptors: [[['user', 'ada']]], hits: 0 },
  {
    descriptors: [
      [
        ['user', 'ada'],
        ['plan', 'gold'],
      ],
      [['remote_address', '203.0.113.7']],
    ],
    hits: 2,
  },
  { descriptors: [[['user', 'ada']]], hits: 0 },
  { descriptors: [[['user', 'ada']]], hits: 0 },
]
