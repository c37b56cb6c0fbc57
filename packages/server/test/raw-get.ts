import { request } from 'node:http'

/** A GET whose header lines are sent as they are: `fetch` joins those of one name. */
export function rawGet(
  url: string,
  path: string,
  lines: readonly string[],
): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string | string[] | undefined>> }> {
  const headers = ['host', new URL(url).host, ...lines.flatMap((line) => line.split(': '))]
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { headers }, (response) => {
      response.resume()
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
    })
    sent.once('error', reject)
    sent.end()
  })
}
