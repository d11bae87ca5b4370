import { SECOND } from '#base/clock.ts'

/** A mail server of the operator's own choice: like the database, it may be on an inner address. */
export interface MailServer {
  /** `smtp://user:password@host:587` or `smtps://…:465`. */
  url: string
  from: string
  /** Whether a server without TLS will do; for development. */
  isOpen: boolean
}

interface Mail {
  to: string
  /** The same over all tries, so that a mail that came twice is seen to be one. */
  id: string
  subject: string
  text: string
}

/**
 * Hands one mail to the server. TLS is required, and its certificate checked; addresses come from settings alone.
 *
 * @throws Error with a sentence that holds no password
 */
export async function sendMail(
  { url, from, isOpen }: MailServer,
  { to, id, subject, text }: Mail,
): Promise<void> {
  const { createTransport } = await import('nodemailer')
  const { hostname, port, protocol, username, password } = new URL(url)
  const isSecure = protocol === 'smtps:'
  const transport = createTransport({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (isSecure ? 465 : 587),
    secure: isSecure,
    requireTLS: !isSecure && !isOpen,
    ...(username ? { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } } : {}),
    connectionTimeout: 5 * SECOND,
    greetingTimeout: 5 * SECOND,
    socketTimeout: 10 * SECOND,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    await transport.sendMail({ from, to, subject, text, messageId: `<${id}@${hostname}>` })
  } catch (fault) {
    const { code, responseCode } = fault as { code?: string; responseCode?: number }
    const answer = responseCode ? ` It answered ${responseCode}.` : ''
    throw new Error(`The mail server did not take the mail (${code ?? 'unknown'}).${answer}`, {
      cause: fault,
    })
  } finally {
    transport.close()
  }
}
