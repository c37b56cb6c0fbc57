import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './workspace.ts'

export interface Example {
  readonly url: string
  stop(): void
}

/** Runs examples/express on a free port, without its burst. */
export async function startExample(settings: { readonly LIMIT: number; readonly WINDOW: string }): Promise<Example> {
  const child: ChildProcess = spawn(process.execPath, ['--conditions=source', join(ROOT, 'examples', 'express', 'main.ts')], {
    env: { ...process.env, PORT: '0', BURST: '0', LIMIT: String(settings.LIMIT), WINDOW: settings.WINDOW },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = () => void child.kill('SIGKILL')
  const url = await new Promise<string>((resolve, reject) => {
    let said = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const match = /curl -i (\S+)\n/.exec(said)
      if (match?.[1] !== undefined) resolve(match[1])
    })
    child.once('exit', (code) => reject(new Error(`the example ended with ${code} before it was ready: ${said}`)))
  })
  return { url, stop }
}
