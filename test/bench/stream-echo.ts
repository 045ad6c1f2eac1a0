import { DurableObject } from 'cloudflare:workers'

/** Messages of a frame for the client. */
const BATCH = 100

/**
 * The least that a feed can do: what the runtime itself costs a frame that is parsed, written anew and passed on. Each
 * batch begins with when the last frame of it was taken in, as every message of a feed says it.
 */
export class Echo extends DurableObject {
  /** Takes a client, and opens what the parameter `upstream` names. */
  override async fetch(request: Request): Promise<Response> {
    const { 0: theirs, 1: ours } = new WebSocketPair()
    this.ctx.acceptWebSocket(ours)
    const upstream = new URL(request.url).searchParams.get('upstream') ?? ''
    const { webSocket } = await fetch(upstream, { headers: { Upgrade: 'websocket' } })
    if (webSocket === null) return new Response('there is no upstream', { status: 502 })
    let batch: string[] = []
    let receivedTime = 0
    webSocket.addEventListener('message', ({ data }) => {
      if (batch.length === BATCH - 1) receivedTime = Date.now()
      batch.push(JSON.stringify(JSON.parse(String(data))))
      if (batch.length < BATCH) return
      ours.send(`[{"receivedTime":${receivedTime}},${batch.join(',')}]`)
      batch = []
    })
    webSocket.accept()
    // The exchange sends its data to whoever has asked for it.
    webSocket.send('{"method":"SUBSCRIBE","params":[],"id":1}')
    return new Response(null, { status: 101, webSocket: theirs })
  }
}

export default {
  fetch: (request, { ECHO }) => ECHO.getByName('echo').fetch(request),
} satisfies ExportedHandler<{ readonly ECHO: DurableObjectNamespace<Echo> }>
