import type { Server } from 'node:http'

/** Lets a server of a benchmark process listen on any free port of this machine: its answer to `listen`. */
export async function listen(server: Server): Promise<{ readonly port: number | undefined }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { port: typeof address === 'object' ? address?.port : undefined }
}
