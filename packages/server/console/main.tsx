// The console: a page of the check service, drawn by Preact from what /admin/v1 answers.
import { render } from 'preact'
import { App } from './app.tsx'
import { startSession } from './lib/api.ts'
import { watchAddress } from './lib/router.ts'
import { takeTokenFromAddress } from './lib/session.ts'
import { watchTheme } from './lib/theme.ts'

takeTokenFromAddress()
watchAddress()
watchTheme()
render(<App />, document.getElementById('app')!)
void startSession()
