// `npm run check`: lint, types, and the tests that start no server. Everything that is checked in seconds, before a commit.
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
