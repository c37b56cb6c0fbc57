import { type LintFinding, lintDocument, parseCeilings, parseDocument, PolicyError, type Problem } from '@sluice/policies'
import type { Command, Invocation } from '../command.ts'
import { readText } from '../files.ts'
import { plain } from '../terminal/terminal.ts'

export const lint: Command = {
  name: 'policies lint',
  summary: 'find what is wrong, or probably not meant, in a document',
  synopsis: 'FILE [--previous FILE] [--ceilings FILE] [--rls]',
  operands: [1, 1],
  completes: 'files',
  description: [
    'Reads a policy document and prints each finding with its line. FILE may be - for the standard input.',
    'A document that is not valid has findings of the kind invalid: no process would use it. In a valid one, unreachable is a rule that no request reaches; forgeable is a rule whose limits are all by a value that a client can choose, such as a header; ended is what held until a time that is over; unused is a subject without a limit, a column without a table, or a delay that no request has.',
    'With --ceilings, ceiling is what exceeds the ceilings of the operator: a process with these would not use the document.',
    'With --rls, rls is what the rate limit service of Envoy does not hold: limits with concurrency, settle or refundOn, delays, and subjects that a descriptor may lack.',
    'With --previous, new-counter is a limit that counts from 0 when the document takes the place of the previous one, and revision is a revision that is not higher.',
  ],
  options: [
    { name: 'previous', value: 'FILE', means: 'The document that is in force now.' },
    { name: 'ceilings', value: 'FILE', means: 'The ceilings of the operator.' },
    { name: 'rls', means: 'Envoy asks by its rate limit service.' },
  ],
  exits: ['There is no finding.', 'There are findings.'],
  examples: [
    ['sluice policies lint sluice.yaml', 'Check a document before it is committed.'],
    [
      'git show main:sluice.yaml > /tmp/old.yaml; sluice policies lint sluice.yaml --previous /tmp/old.yaml',
      'Find limits that start to count anew.',
    ],
  ],
  async run(invocation) {
    const { source, text } = await readText(invocation.operands[0] ?? '', invocation)
    const path = invocation.option('previous')
    const before = path === undefined ? undefined : await readText(path, invocation)
    const previous = before && parseDocument(before.text, before)
    const bounds = invocation.option('ceilings')
    const most = bounds === undefined ? undefined : await readText(bounds, invocation)
    const ceilings = most && parseCeilings(most.text, most)
    const findings = findingsOf(text, () => lintDocument(text, { source, previous, ceilings, rls: invocation.has('rls') }))
    if (invocation.isJson) invocation.printJson({ file: source, findings })
    else printFindings(invocation, source, findings)
    return findings.length > 0 ? 1 : 0
  },
}

type Finding = Omit<LintFinding, 'rule'> & { readonly rule: LintFinding['rule'] | 'invalid' }

function findingsOf(_text: string, run: () => readonly LintFinding[]): readonly Finding[] {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return error.problems.map((problem) => ({ ...problem, rule: 'invalid' }))
  }
}

function printFindings({ print, paint }: Invocation, source: string, findings: readonly Finding[]): void {
  for (const { rule, message, path, ...place } of findings) {
    const where = paint('bold', `${source}${placeOf(place)}`)
    print(`${where}: ${paint(rule === 'invalid' ? 'red' : 'yellow', rule)}: ${path === '' ? '' : `${plain(path)}: `}${plain(message)}`)
  }
  print(findings.length === 0 ? `${source}: no findings` : `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`)
}

/** As compilers write it, so that editors find the line. */
function placeOf({ line, column }: Pick<Problem, 'line' | 'column'>): string {
  return line === undefined ? '' : `:${line}:${column ?? 1}`
}
