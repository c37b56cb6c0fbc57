import { type Command, type CommandOption, GLOBAL_OPTIONS } from '../command.ts'

/** A name that a shell completes, with the command that it calls. */
export interface Named {
  readonly name: string
  readonly command: Command
}

/** A word that may come next, and what it is for. */
export interface Word {
  readonly word: string
  readonly means: string
}

/** All names, the short ones too. */
export function namesOf(commands: readonly Command[]): readonly Named[] {
  return commands.flatMap((command) =>
    [command.name, ...(command.alias === undefined ? [] : [command.alias])].map((name) => ({ name, command })),
  )
}

/** The words that may stand first. A group of commands is one word. */
export function firstWords(commands: readonly Command[]): readonly Word[] {
  const words = new Map<string, string>([['help', 'show the page of a command']])
  for (const { name, command } of namesOf(commands)) {
    const [first = '', second] = name.split(' ')
    if (second === undefined) words.set(first, command.summary)
    else words.set(first, words.has(first) ? `${words.get(first)}, ${second}` : second)
  }
  return Array.from(words, ([word, means]) => ({ word, means }))
}

/** By the first word of a group, the second words. */
export function groupsOf(commands: readonly Command[]): ReadonlyMap<string, readonly Word[]> {
  const groups = new Map<string, Word[]>()
  for (const { name, summary } of commands) {
    const [first = '', second] = name.split(' ')
    if (second !== undefined) groups.set(first, [...(groups.get(first) ?? []), { word: second, means: summary }])
  }
  return groups
}

export function optionsOf({ options }: Command): readonly CommandOption[] {
  return [...options, ...GLOBAL_OPTIONS]
}

export function takesFile({ value }: CommandOption): boolean {
  return value === 'FILE'
}

/** The first sentence: a shell shows one line. */
export function briefly(means: string): string {
  return means.split(/(?<=[.;:])\s/)[0]?.replace(/[.;:]$/, '') ?? ''
}
