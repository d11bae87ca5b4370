// A program of a user of @countersign/client, the same for Bun, Deno and Node: nothing in it is of one of them. It is told
// what it needs in its argument, says in JSON lines whom it waits for, and last what it has found.
import { CountersignError, createApp, createInitiator, dpopFetch } from '@countersign/client'

const told = JSON.parse(process.argv[2])
const say = (line) => console.log(JSON.stringify(line))

/** What a call was refused with. */
const codeOf = (call) =>
  call.then(
    () => 'none',
    (fault) => (fault instanceof CountersignError ? fault.code : String(fault)),
  )

/** Asks, and has it decided only when the poll is on its way. */
async function decided(agent, decision, ask) {
  const asked = await agent.ask({ loginHint: 'asha', ...ask })
  let looks = 0
  const waiting = agent.wait(asked, { onPending: () => (looks += 1) })
  say({ [decision]: asked.requestId })
  return { ...(await waiting), looks }
}

async function bySecret() {
  const agent = createInitiator({ issuer: told.issuer, ...told.secret })
  const { claims, looks } = await decided(agent, 'approve', { bindingMessage: 'Pay 250 to Acme' })
  const waiting = await agent.ask({ loginHint: 'asha' })
  const stop = new AbortController()
  const stopped = codeOf(agent.wait(waiting, { signal: stop.signal }))
  setTimeout(() => stop.abort(new Error('The run was stopped.')), 50)
  return {
    sub: claims.sub,
    looks,
    timeout: await codeOf(agent.wait(waiting, { timeoutMs: 50 })),
    stopped: await stopped,
    rejected: await codeOf(decided(agent, 'reject', { bindingMessage: 'Pay 9000 to Acme' })),
  }
}

/** The key of the client cannot be taken out, nor can the one that its tokens are bound to. */
async function byKey({ clientId, jwk }) {
  const rsa = { name: 'RSA-PSS', hash: 'SHA-256' }
  const privateKey = await crypto.subtle.importKey('jwk', jwk, rsa, false, ['sign'])
  const ec = { name: 'ECDSA', namedCurve: 'P-256' }
  const agent = createInitiator({
    issuer: told.issuer,
    clientId,
    key: { privateKey, alg: 'PS256', kid: jwk.kid },
    signsRequests: true,
    fetch: await dpopFetch(await crypto.subtle.generateKey(ec, false, ['sign', 'verify'])),
  })
  const first = await decided(agent, 'approve', { scope: 'openid offline_access' })
  const second = await agent.refresh(first.refreshToken)
  return { sub: first.claims.sub, looks: first.looks, types: [first.tokenType, second.tokenType] }
}

async function byUpstox({ webhookKeys, ...options }) {
  const app = createApp({ origin: told.issuer, ...options, webhookKeys })
  const asked = await app.ask({ reason: 'Morning run' })
  let looks = 0
  const waiting = app.wait(asked, { onPending: () => (looks += 1) })
  say({ approve: asked.requestId })
  await waiting
  say({ deliver: asked.requestId })
  const { headers, body } = JSON.parse(await input())
  const request = (text) => new Request('https://app.example/token', { method: 'POST', headers, body: text })
  const { kind, userId, requestId, accessToken } = await app.receive(request(body))
  const byEach = webhookKeys.map((key) => createApp({ origin: told.issuer, ...options, webhookKeys: [key] }))
  return {
    kind,
    userId,
    isOfThisAsk: requestId === asked.requestId,
    isDelivered: JSON.parse(body).access_token === accessToken,
    looks,
    good: (await Promise.all(byEach.map((each) => each.receive(request(body))))).map((each) => each.kind),
    tampered: await Promise.all(byEach.map((each) => codeOf(each.receive(request(`${body} `))))),
  }
}

async function input() {
  let text = ''
  for await (const part of process.stdin) text += part
  return text
}

const unreachable = createInitiator({ issuer: 'http://localhost:9', clientId: 'x', clientSecret: 'x' })
const wrong = createInitiator({ issuer: told.issuer, ...told.secret, clientSecret: 'wrong' })
say({
  found: {
    bySecret: await bySecret(),
    byKey: await byKey(told.key),
    byUpstox: await byUpstox(told.app),
    unreachable: await codeOf(unreachable.ask({ loginHint: 'asha' })),
    refused: await codeOf(wrong.ask({ loginHint: 'asha' })),
  },
  by: navigator.userAgent,
})
