import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common'

@Catch()
export class SocketErrors implements ExceptionFilter {
  catch(error: { getError?: () => unknown }, host: ArgumentsHost): void {
    const client = host.switchToWs().getClient<{ send(text: string): void }>()
    client.send(JSON.stringify({ event: 'exception', data: error.getError?.() ?? { message: 'Internal server error' } }))
  }
}
