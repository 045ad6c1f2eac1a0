import { env } from 'cloudflare:workers'
import { createApp } from '../../src/routes/app.ts'

/** Asks the worker, with a feed (or a relay) in the place of the real ones. `names` collects which object was asked for. */
export async function askWith(
  path: string,
  objects: { readonly feed?: object; readonly relay?: object },
  init: RequestInit = {},
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly response: Response; readonly names: readonly string[] }> {
  const names: string[] = []
  const namespaceOf = (object: object | undefined) => ({
    getByName: (name: string) => {
      names.push(name)
      return object ?? {}
    },
  })
  const bindings = {
    ...env,
    ...settings,
    EXCHANGE_FEED: namespaceOf(objects.feed),
    STREAM_RELAY: namespaceOf(objects.relay),
  }
  const response = await createApp().request(`https://api.test${path}`, init, bindings)
  return { response, names }
}
