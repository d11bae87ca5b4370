import { readFile } from 'node:fs/promises'
import { Refusal } from '#base/errors.ts'
import { clientById } from '#clients/store.ts'
import { removeClientTls, setClientTls, tlsCards } from '#clients/tls.ts'
import { promiseCheck } from '#deliveries/proof.ts'
import { COMMAND_LINE } from '#users/roles.ts'
import { withStore } from './store.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign client tls CLIENT_ID [--certificate FILE --key FILE] [--ca FILE]
       countersign client tls CLIENT_ID --remove

Sets TLS of an app's own with its Notifier Webhook Endpoint, in the place of what was set before. All files are PEM.

  --certificate FILE  what is shown to the endpoint: the certificate, then those between it and its authority
  --key FILE          its private key, without a passphrase; kept encrypted
  --ca FILE           the only authorities that are trusted at the endpoint
  --remove            show no certificate, and trust public authorities
`

/** `countersign client tls …` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, {
    certificate: { type: 'string' },
    key: { type: 'string' },
    ca: { type: 'string' },
    remove: { type: 'boolean' },
  })
  if (!words) return 0
  const { values, positionals } = words
  const [id] = positionals
  const isSet = Boolean(values.certificate || values.key || values.ca)
  if (!id || positionals.length > 1 || isSet === Boolean(values.remove)) throw new UsageError(HELP)
  const form = {
    certificate: await textOf(values.certificate),
    privateKey: await textOf(values.key),
    ca: await textOf(values.ca),
  }

  const said = await withStore(async (context) => {
    const client = await clientById(context.db, id)
    if (!client) throw new Refusal('client_not_found')
    const tls = values.remove ? undefined : await setClientTls(context, id, form, 'operator', COMMAND_LINE)
    if (!tls) await removeClientTls(context, id, 'operator', COMMAND_LINE)
    await promiseCheck(context, client)
    if (!tls) return [`${client.name} has no TLS of its own any more.`]
    const { certificate, authorities } = tlsCards(tls)
    return [
      `Set for ${client.name}, from the next call on:`,
      ...(certificate ? [`  shown    ${lineOf(certificate)}`] : []),
      ...authorities.map((each) => `  trusted  ${lineOf(each)}`),
    ]
  })
  process.stdout.write(`${said.join('\n')}\n`)
  return 0
}

type Card = ReturnType<typeof tlsCards>['authorities'][number]

const lineOf = ({ subject, fingerprint, expiresAt }: Card) =>
  `${subject}, until ${new Date(expiresAt).toISOString().slice(0, 10)}, SHA-256 ${fingerprint}`

async function textOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  return readFile(path, 'utf8').catch((cause) => {
    throw new UsageError(`${path} cannot be read.`, { cause })
  })
}
