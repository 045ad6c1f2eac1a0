import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Deps } from '../deps.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Sessions } from '../store/sessions.ts'
import { speakPlainly } from './input-words.ts'
import { invalidInput } from './problem.ts'

speakPlainly()

/** What every handler finds in its context. */
export interface AppEnv {
  Bindings: Env
  Variables: {
    deps: Deps
    catalog: Catalog
    sessions: Sessions
    requestId: string
  }
}

export type AppContext = Context<AppEnv>

/** A part of the API. Input that its schemas refuse becomes one `invalid_request`. */
export function createRouter(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.error)
    },
  })
}
