// `npm run check`: lint, types, and the tests that start no server. Everything that is checked in seconds, before a commit.
import { filesWithoutServers } from './packages.ts'
import { LINT, Steps, TYPES } from './steps.ts'

const steps = new Steps()
for (const command of [...LINT, TYPES]) steps.command(command)
steps.tests(filesWithoutServers())
steps.finish()
