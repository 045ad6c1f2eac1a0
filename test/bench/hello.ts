import { Hono } from 'hono'

/** The least that a Worker with this router can do: what the runtime itself costs a request. */
export default new Hono().get('/', (context) => context.text('hello'))
