import { DurableObject } from 'cloudflare:workers'

/** Fans the streams of all exchanges out. */
export class StreamRelay extends DurableObject<Env> {}
