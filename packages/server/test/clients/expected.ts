import { Documents, documentOf, MINUTE, one, started } from '../support.ts'

/** What the program of each client prints. */
export const EXPECTED: readonly unknown[] = [
  [200, 8],
  [
    [true, 200, 5, 'api.minute'],
    [false, 429, 5, 'api.minute'],
  ],
  { settled: true, reason: null },
  [{ released: true, reason: null }],
  7,
  [400, 'ERR_CHECK_INVALID'],
  204,
]

/** The service that the programs ask. */
export async function serviceOfClients(): Promise<string> {
  const { url } = await started({ policies: new Documents(documentOf(one(`${MINUTE}, limit: 10`))) })
  return url
}
