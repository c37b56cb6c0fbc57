export { runCli } from './run-cli.ts'
export type { CommandIo, TextStream } from './terminal/terminal.ts'
export { CLI_CODES } from './codes.ts'
