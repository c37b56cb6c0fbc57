import { join } from 'node:path'
import { expect, test } from 'vitest'
import { COMMANDS } from '../src/commands.ts'
import { pageOf } from '../src/help.ts'

const UPDATE = 'npm run vitest -- run --project cli packages/cli/test/docs.test.ts -u'

const INTRODUCTION = `# The sluice command

Check a [policy document](policies.md) before it is used, compare two of them, ask one about the past, and publish it. See who is refused most,
watch what limiters decide, and block a client.

\`\`\`sh
npm install --save-dev @sluice/cli
npx sluice policies lint sluice.yaml
\`\`\`

| exit status | means |
|---|---|
| 0 | fine |
| 1 | findings: what the section of the command says |
| 2 | the command line is wrong, or something could not be read or written |

- **\`--json\`** writes the result as one JSON value to standard output. An error is \`{ "error": { "code", "message" } }\`, and its text is on standard
  error as well. The codes are those of [errors](errors.md).
- **Colour** is written to a terminal only. \`NO_COLOR\` and \`--no-color\` take it away, \`FORCE_COLOR\` gives it to a pipe.
- **\`-\`** as a file is the standard input.

This page is written from the help of the commands: \`sluice COMMAND --help\`.
`

const page = `${INTRODUCTION}${COMMANDS.map((command) => `\n## sluice ${command.name}\n\`\`\`text\n${pageOf(command, (_, text) => text)}\n\`\`\`\n`).join('')}`

test('docs/cli.md is what the commands say of themselves', async () => {
  await expect(page, `the help of a command changed; update the page: ${UPDATE}`).toMatchFileSnapshot(
    join(import.meta.dirname, '../../../docs/cli.md'),
  )
})
