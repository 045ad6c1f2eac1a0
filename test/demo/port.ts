import { createServer } from 'node:net'

/** @throws where something listens there already, or may not */
export function checkPort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.code})`
      reject(new Error(`port ${port} ${reason}: choose another, such as npm run demo -- --port ${port + 1}`))
    })
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()))
  })
}
