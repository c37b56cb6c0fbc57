import { runTests, type TestResult } from '@sluice/policies'
import type { Command, Invocation } from '../command.ts'
import { readDocument } from '../files.ts'
import { failed, plain } from '../terminal/terminal.ts'

export const test: Command = {
  name: 'policies test',
  summary: 'run the tests of a document',
  synopsis: 'FILE…',
  operands: [1, 1_000],
  completes: 'files',
  description: [
    'Runs the tests that a policy document contains under tests, each with counters of its own, and prints each with what differs. No server is needed.',
  ],
  options: [],
  exits: ['All tests pass.', 'A test fails, or there is no test.'],
  examples: [['sluice policies test policies/*.yaml', 'Test all documents of a repository, as in CI.']],
  async run(invocation) {
    const files: { file: string; tests: readonly TestResult[] }[] = []
    for (const file of invocation.operands) files.push({ file, tests: runTests(await readDocument(file, invocation)) })
    if (files.length === 0) throw failed('there is no file')
    if (invocation.isJson) invocation.printJson({ files })
    else for (const { file, tests } of files) printTests(invocation, file, tests)
    return files.every(({ tests }) => tests.length > 0 && tests.every(({ failures }) => failures.length === 0)) ? 0 : 1
  },
}

export function printTests({ print, paint }: Invocation, file: string, tests: readonly TestResult[]): void {
  print(paint('bold', file))
  for (const { name, failures } of tests) {
    print(`  ${failures.length === 0 ? paint('green', 'ok  ') : paint('red', 'FAIL')} ${plain(name)}`)
    for (const failure of failures) print(`         ${plain(failure)}`)
  }
  const bad = tests.filter(({ failures }) => failures.length > 0).length
  print(tests.length === 0 ? '  the document has no tests' : `  ${tests.length} ${tests.length === 1 ? 'test' : 'tests'}, ${bad} failed`)
}
