// `npm run check`: lint, types, and the tests that start no server, such as those of api.md and of the docs. Before a commit, in seconds.
// `npm run lint`: the first of these steps.
import { filesWithoutServers } from './packages.ts'
import { LINT, Steps, TYPES } from './steps.ts'

const steps = new Steps()
for (const command of LINT) steps.command(command)
if (!process.argv.includes('--lint')) {
  steps.command(TYPES)
  steps.tests(filesWithoutServers())
}
steps.finish()
