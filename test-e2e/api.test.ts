// A change of the public face is seen in review: `packages/<name>/api.md` lists what a package exports, and must be up to date.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { apiReports } from './support/sources/api-report.ts'
import { ROOT } from './support/workspace.ts'

const UPDATE = 'npm run vitest -- run --project e2e test-e2e/api.test.ts -u'

test.each([...apiReports()])('%s/api.md lists what the package exports', async (folder, report) => {
  const file = join(ROOT, folder, 'api.md')
  await expect(report, `the exports changed; review them, then update the file: ${UPDATE}`).toMatchFileSnapshot(file)
})
