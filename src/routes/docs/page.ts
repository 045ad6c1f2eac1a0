import { errorCodes } from '../../domain/errors.ts'
import { quoteGroups } from '../../domain/quote-group.ts'
import { MAX_SUBSCRIPTIONS } from '../../domain/stream-command.ts'
import { bookDepths, channels, channelsAcross } from '../../domain/topic.ts'
import { errorMeanings } from './error-meanings.ts'

/** Our own plain text, in which backticks stand around code. */
const asHtml = (text: string) => text.replace(/`([^`]+)`/g, '<code>$1</code>')

const list = (names: readonly (string | number)[]) => names.map((name) => `<code>${name}</code>`).join(', ')

const subscribe =
  '{"op":"subscribe","id":1,"args":[{"channel":"book","exchange":"okx","symbol":"BTC-USDT","depth":20}]}'

const arbitrage =
  '{"op":"subscribe","id":2,"args":[{"channel":"arbitrage","exchange":"*","symbol":"BTC-USDT","threshold":"0.1","fees":"okx:0.0005"}]}'

const stream = `
<p><code>/v1/stream/{exchange}</code> and <code>/v1/stream</code> are WebSockets. Every message of both sides is described by
<a href="/asyncapi.json">/asyncapi.json</a> (AsyncAPI 3.0). A client sends one command a message:</p>
<pre>${subscribe}</pre>
<p>Commands: <code>subscribe</code>, <code>unsubscribe</code>, <code>list</code>, <code>configure</code>, <code>ping</code>,
<code>pong</code>. Channels: ${list(channels)}. Depths: ${list(bookDepths)}. At most ${MAX_SUBSCRIPTIONS} subscriptions a connection.</p>
<p>On <code>/v1/stream</code> the exchange <code>*</code> looks across all: ${list(channelsAcross)}, with <code>quotes</code>
(${list(quoteGroups)}) where several count as one. <code>bbo</code> is the best bid and offer of each exchange and across them.
<code>arbitrage</code> is what is left of buying on one and selling on another after taker fees, from <code>threshold</code> percent
on; the fees are the published ones, or your own.</p>
<pre>${arbitrage}</pre>
<p>Each frame of the server is a JSON array of messages:</p>
<ul>
<li><code>subscribed</code>: the topic follows from <code>seq</code> on. <code>epoch</code> changes when the feed restarts, and all
<code>seq</code> with it.</li>
<li><code>trade</code>, <code>candle</code>, <code>ticker</code>, <code>bbo</code>, <code>book</code>, <code>funding</code>, <code>open-interest</code>,
<code>liquidation</code>, <code>status</code>, <code>arbitrage</code>: data. <code>prevSeq</code> is the <code>seq</code> of the message of this topic before it: where they
do not join, something was lost on the way.</li>
<li><code>gap</code>: something is missing here. <code>resync</code>: the book is not known to be right until the next snapshot.
<code>stale</code>: the exchange has newer data than it streamed, or cannot be reached.</li>
<li><code>ping</code>: answer <code>{"op":"pong","id":…}</code> with its id. <code>slow</code>: the client does not follow, so that messages
are merged.</li>
<li><code>error</code>: what was refused, with its <code>arg</code>. The others of the same command are not touched by it.</li>
<li><code>end</code>: the last message of a replay.</li>
</ul>
<p><code>/v1/replay/{exchange}/{symbol}</code> sends what is stored of a window as these messages, over a WebSocket or a message a line,
with an <code>epoch</code> that begins with <code>replay-</code>. Where <code>end</code> does not come, it broke off.</p>
<p>Close codes: 1000 the end of a replay, 1008 slow or abuse, 1011 a replay that broke off, 1012 restart: connect again. The same frames come as server-sent events with
<code>Accept: text/event-stream</code> and the topics in the URL: <code>/v1/stream?topic=trades:okx:BTC-USDT</code>.</p>`

/** The reference page: draws itself from `/openapi.json`, with nothing from anywhere else. */
export const docsPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>zvt-crypto API</title>
<style>
  :root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line) }
  details { border: 1px solid var(--line); border-radius: 6px; margin: .4rem 0; padding: .4rem .8rem }
  summary { cursor: pointer } code, pre { font: 13px/1.45 ui-monospace, monospace }
  pre { overflow-x: auto; padding: .6rem; border: 1px solid var(--line); border-radius: 6px }
  table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .2rem .6rem .2rem 0; vertical-align: top }
  .method { display: inline-block; min-width: 4rem; font-weight: 600 } .quiet { opacity: .7 }
</style>
</head>
<body>
<h1>zvt-crypto API</h1>
<p id="about" class="quiet">The machine-readable description is <a href="/openapi.json">/openapi.json</a>.</p>
<main id="calls">Loading…</main>
<h2 id="stream">The stream</h2>
${stream}
<h2>Errors</h2>
<p>Every failure is <code>application/problem+json</code> (RFC 9457). Programs decide by its <code>code</code>. The <code>error</code> messages of
streams have the same codes, and <code>unknown_channel</code>, <code>too_many_subscriptions</code>, <code>not_subscribed</code> and <code>cancelled</code>.</p>
<dl>${errorCodes.map((code) => `<dt id="${code}"><code>${code}</code></dt><dd>${asHtml(errorMeanings[code])}</dd>`).join('')}</dl>
<script>
const make = (tag, text, ...children) => {
  const element = document.createElement(tag)
  if (text) element.textContent = text
  element.append(...children)
  return element
}
const resolve = (api, schema) => {
  const name = schema && schema.$ref && schema.$ref.split('/').pop()
  return name ? api.components.schemas[name] : schema || {}
}
const shape = (api, schema, depth = 0) => {
  const s = resolve(api, schema)
  if (depth > 5) return '…'
  if (s.properties) {
    return Object.fromEntries(Object.entries(s.properties).map(([key, value]) => [key, shape(api, value, depth + 1)]))
  }
  const forms = s.oneOf || s.anyOf
  if (forms) return oneOf(forms.map((form) => shape(api, form, depth + 1)))
  if (s.allOf) return Object.assign({}, ...s.allOf.map((part) => shape(api, part, depth)))
  if (s.prefixItems) return s.prefixItems.map((item) => shape(api, item, depth + 1))
  if (s.items) return [shape(api, s.items, depth + 1)]
  if (s.enum) return s.enum.join(' | ')
  if (s.const !== undefined) return String(s.const)
  if (s.additionalProperties) return { '…': shape(api, s.additionalProperties, depth + 1) }
  return [].concat(s.type || 'any').join(' | ')
}
const oneOf = (shapes) => {
  const distinct = [...new Map(shapes.map((each) => [JSON.stringify(each), each])).values()]
  if (distinct.every((each) => typeof each === 'string')) return distinct.join(' | ')
  return distinct.length === 1 ? distinct[0] : { 'one of': distinct }
}
const contents = (api, content, title) =>
  Object.entries(content || {}).flatMap(([type, { schema }]) => [
    make('p', [title, type, resolve(api, schema).description].filter(Boolean).join(' · ')),
    make('pre', JSON.stringify(shape(api, schema), null, 2)),
  ])
const parameters = (list) => {
  const table = make('table')
  for (const p of list) {
    const s = p.schema || {}
    const facts = [p.required ? 'required' : '', s.enum ? s.enum.join(' | ') : s.type, s.default === undefined ? '' : 'default ' + s.default,
      s.maximum === undefined ? '' : 'at most ' + s.maximum, p.description || s.description || '']
    table.append(make('tr', '', make('td', '', make('code', p.name)), make('td', p.in), make('td', facts.filter(Boolean).join(' · '))))
  }
  return table
}
const call = (api, path, method, op) => {
  const summary = make('summary', '', Object.assign(make('span', method.toUpperCase()), { className: 'method' }),
    make('code', path), ' ' + (op.summary || ''))
  const body = make('details', '', summary)
  if (op.description) body.append(make('p', op.description))
  if (op.security) body.append(make('p', 'Needs the admin token: Authorization: Bearer TOKEN or X-API-Key: TOKEN'))
  if (op.parameters) body.append(parameters(op.parameters))
  if (op.requestBody) body.append(...contents(api, op.requestBody.content, 'Body'))
  for (const [status, response] of Object.entries(op.responses)) {
    body.append(make('p', status + ' ' + response.description))
    if (!(status >= 400)) body.append(...contents(api, response.content, ''))
  }
  return body
}
fetch('/openapi.json').then((response) => response.json()).then((api) => {
  document.getElementById('about').prepend(api.info.description + ' ')
  const calls = document.getElementById('calls')
  calls.textContent = ''
  const groups = {}
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, op] of Object.entries(methods)) (groups[op.tags[0]] ||= []).push(call(api, path, method, op))
  }
  for (const [name, items] of Object.entries(groups)) calls.append(make('h2', name), ...items)
}).catch(() => { document.getElementById('calls').textContent = '/openapi.json could not be read.' })
</script>
</body>
</html>
`
