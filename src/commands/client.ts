import { readFile } from 'node:fs/promises'
import { registerInitiator } from '#clients/initiators.ts'
import { registerClient } from '#clients/register.ts'
import { scopeList } from '#clients/scopes.ts'
import { OUTCOMES, type Outcome } from '#clients/store.ts'
import { promiseCheck } from '#deliveries/proof.ts'
import { COMMAND_LINE } from '#users/roles.ts'
import { findUser } from '#users/users.ts'
import { withStore } from './store.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign client add --individual USER_ID | --initiator  --name NAME
                             [--delivery poll|ping|push] [--notification URL] [--auth-method METHOD]
                             [--jwks FILE|URL] [--request-alg ALG]
                             [--tls-subject KIND:VALUE] [--certificate-bound | --dpop]
                             [--token-format jwt|opaque] [--scope WORDS] [--detail-types WORDS]
                             [--match-code] [--user-code] [--profile core|fapi] [--link USER_ID]…
                             [--notifier URL] [--encryption-key FILE] [--redirect URL] [--postback URL]
                             [--purpose TEXT] [--test [--simulate OUTCOME]] [--json]
       countersign client tls CLIENT_ID …        (“countersign client tls --help” tells more)
       countersign client link|unlink CLIENT_ID USER

Registers an app and prints its id and secrets, this once.

  --individual USER_ID  an app of one user, whose token it asks for (id or handle)
  --initiator           an app that asks many users, by OpenID CIBA
  --name NAME           as users are shown it
  --notifier URL        Notifier Webhook Endpoint: where approved tokens are sent
  --delivery MODE       of an initiator: poll (the default), ping or push
  --notification URL    of an initiator: where pings or pushes go
  --auth-method METHOD  of an initiator: client_secret_basic (the default), client_secret_post,
                        private_key_jwt, tls_client_auth or self_signed_tls_client_auth
  --tls-subject WHAT    with tls_client_auth: by what its certificate is known, as KIND:VALUE; the kinds are
                        subject_dn, san_dns, san_uri, san_ip, san_email
  --certificate-bound   of an initiator: its tokens are bound to the certificate it shows (RFC 8705)
  --jwks FILE|URL       of an initiator: its public keys, a JWK Set; or where one lies
  --request-alg ALG     of an initiator: it signs each of its requests, by PS256 or ES256
  --dpop                of an initiator: its tokens are bound to a key that it proves to hold (RFC 9449)
  --token-format FORMAT of an initiator: jwt (the default), or opaque, which only introspection tells of
  --scope WORDS         of an initiator: all it may ask for, in quotes, apart by spaces; openid if not given
  --detail-types WORDS  of an initiator: types of authorization_details that it may ask for, apart by spaces
  --match-code          of an initiator: its users type six digits that it shows them
  --user-code           of an initiator: it sends the secret code that a user has set
  --profile PROFILE     of an initiator: core (the default), or fapi, which holds it to FAPI-CIBA: no push, no secret,
                        signed requests, bound tokens (docs/ciba.md)
  --link USER_ID        of an initiator: a user it may ask (id or handle); may be given more than once
  --encryption-key FILE a public key (JWK) that tokens are encrypted to, so that only its owner can read them
  --redirect URL        where a browser is sent back after sign-in by way of it
  --postback URL        where your own order updates go; kept for you, not used by the server
  --purpose TEXT        what the app is for
  --test                in test mode: tells nobody, and a person's answer is simulated (docs/test-mode.md)
  --simulate OUTCOME    with --test: answers each request by itself: approve, reject, expire, ignore, block, notifier_fails
  --json                print {"client_id", "client_secret", "signing_secret"}
`

/** `countersign client …` */
export async function run(args: string[]): Promise<number> {
  if (args[0] === 'tls') return (await import('./client-tls.ts')).run(args.slice(1))
  if (args[0] === 'link' || args[0] === 'unlink') return (await import('./client-link.ts')).run(args)
  const words = readWords(args, HELP, {
    individual: { type: 'string' },
    initiator: { type: 'boolean' },
    name: { type: 'string' },
    delivery: { type: 'string' },
    notification: { type: 'string' },
    'auth-method': { type: 'string' },
    jwks: { type: 'string' },
    'request-alg': { type: 'string' },
    'tls-subject': { type: 'string' },
    'certificate-bound': { type: 'boolean' },
    dpop: { type: 'boolean' },
    'token-format': { type: 'string' },
    scope: { type: 'string' },
    'detail-types': { type: 'string' },
    'match-code': { type: 'boolean' },
    'user-code': { type: 'boolean' },
    profile: { type: 'string' },
    link: { type: 'string', multiple: true },
    notifier: { type: 'string' },
    'encryption-key': { type: 'string' },
    redirect: { type: 'string' },
    postback: { type: 'string' },
    purpose: { type: 'string' },
    test: { type: 'boolean' },
    simulate: { type: 'string' },
    json: { type: 'boolean' },
  })
  if (!words) return 0
  const { values, positionals } = words
  if (positionals[0] !== 'add' || positionals.length > 1) throw new UsageError(HELP)
  const { individual, initiator, name, notifier, redirect, postback, purpose } = values
  const keyFile = values['encryption-key']
  if (!name) throw new UsageError(`--name is missing.\n\n${HELP}`)
  if ((individual === undefined) === (initiator === undefined)) {
    throw new UsageError(`Say either --individual USER_ID or --initiator.\n\n${HELP}`)
  }

  if (values.dpop && values['certificate-bound']) {
    throw new UsageError(`Say --dpop or --certificate-bound, not both.\n\n${HELP}`)
  }
  const misplaced = INITIATOR_WORDS.find((word) => values[word] !== undefined)
  if (individual !== undefined && misplaced) {
    throw new UsageError(`--${misplaced} is for an initiator alone.\n\n${HELP}`)
  }

  const made = await withStore(async (context) => {
    const form = {
      name,
      purpose,
      redirectUrl: redirect,
      postbackUrl: postback,
      notifierUrl: notifier,
      mode: values.test ? ('test' as const) : ('live' as const),
      simulate: outcomeOf(values.simulate),
      actorId: COMMAND_LINE,
      encryptionKey: keyFile === undefined ? undefined : await readKey(keyFile),
    }
    const idOf = async (user: string) => (await findUser(context, user)).id
    const registered =
      individual === undefined
        ? await registerInitiator(context, {
            ...form,
            deliveryMode: values.delivery,
            notificationUrl: values.notification,
            authMethod: values['auth-method'],
            ...(await keysAt(values.jwks)),
            requestAlg: values['request-alg'],
            tlsSubject: values['tls-subject'],
            boundBy: values.dpop ? 'dpop' : values['certificate-bound'] ? 'certificate' : undefined,
            tokenFormat: values['token-format'],
            scope: values.scope,
            detailTypes: values['detail-types'] === undefined ? undefined : scopeList(values['detail-types']),
            requiresMatchCode: values['match-code'],
            takesUserCode: values['user-code'],
            profile: values.profile,
            links: await Promise.all((values.link ?? []).map(idOf)),
          })
        : await registerClient(context, {
            ...form,
            kind: 'individual',
            userId: await idOf(individual),
            actor: 'operator',
          })
    // The server checks the endpoint: at once if it runs, else at its start.
    await promiseCheck(context, registered.client)
    return registered
  })
  const shown = {
    client_id: made.client.id,
    ...(made.clientSecret ? { client_secret: made.clientSecret } : {}),
    signing_secret: made.signingSecret,
  }
  process.stdout.write(
    values.json
      ? `${JSON.stringify(shown)}\n`
      : `Registered ${name}. The secrets are shown this once:\n${Object.entries(shown)
          .map(([key, value]) => `  ${key.padEnd(15)} ${value}`)
          .join('\n')}\n`,
  )
  return 0
}

/** Words that say something of an initiator alone. */
const INITIATOR_WORDS = [
  'delivery',
  'notification',
  'auth-method',
  'jwks',
  'request-alg',
  'tls-subject',
  'certificate-bound',
  'dpop',
  'token-format',
  'scope',
  'detail-types',
  'match-code',
  'user-code',
  'profile',
  'link',
] as const

function outcomeOf(word: string | undefined): Outcome | undefined {
  const outcome = OUTCOMES.find((each) => each === word)
  if (word !== undefined && !outcome) throw new UsageError(`--simulate takes one of: ${OUTCOMES.join(', ')}.`)
  return outcome
}

async function keysAt(place: string | undefined): Promise<{ jwks?: string; jwksUrl?: string }> {
  if (place === undefined) return {}
  return /^https?:/i.test(place) ? { jwksUrl: place } : { jwks: await readKey(place) }
}

const readKey = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause) => {
    throw new UsageError(`${path} cannot be read.`, { cause })
  })
