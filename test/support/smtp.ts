import { createServer, type Socket } from 'node:net'

export interface Mail {
  from: string
  to: string[]
  /** Headers and text, as they came. */
  data: string
  user: string | null
}

/**
 * A mail server that speaks SMTP (RFC 5321) as far as one message needs it, and is strict: commands in order, lines
 * ended by CRLF, a login first (AUTH PLAIN, RFC 4954).
 *
 * @param refuse how many first messages are put off with 451
 */
export async function startMailServer({ refuse = 0, password = 'secret' } = {}) {
  const mails: Mail[] = []
  const open = new Set<Socket>()
  let left = refuse
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => {})
    const say = (line: string) => socket.write(`${line}\r\n`)
    let mail: Mail = { from: '', to: [], data: '', user: null }
    let isData = false
    let greeted = false
    let text = ''

    function command(line: string) {
      const verb = line.slice(0, 4).toUpperCase()
      if (verb === 'EHLO') {
        greeted = true
        say('250-mail.test')
        return say('250 AUTH PLAIN')
      }
      if (verb === 'QUIT') {
        say('221 Bye')
        return socket.end()
      }
      if (!greeted) return say('503 Say EHLO first')
      if (verb === 'AUTH') {
        const [, user = '', given = ''] = Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0')
        if (given !== password) return say('535 Wrong')
        mail.user = user
        return say('235 Welcome')
      }
      if (!mail.user) return say('530 Log in first')
      const address = /<([^<>]+)>/.exec(line)?.[1] ?? ''
      if (verb === 'MAIL') {
        mail = { ...mail, from: address, to: [], data: '' }
        return say('250 OK')
      }
      if (verb === 'RCPT' && mail.from) {
        mail.to.push(address)
        return say('250 OK')
      }
      if (verb === 'DATA' && mail.to.length > 0) {
        isData = true
        return say('354 Go on')
      }
      return say('503 Not now')
    }

    socket.setEncoding('utf8').on('data', (part) => {
      text += part
      for (;;) {
        const end = text.indexOf(isData ? '\r\n.\r\n' : '\r\n')
        if (end < 0) return
        const whole = text.slice(0, end)
        text = text.slice(end + (isData ? 5 : 2))
        if (!isData) command(whole)
        else {
          isData = false
          left -= 1
          if (left >= 0) say('451 Later')
          else {
            mails.push({ ...mail, data: whole.replaceAll('\r\n..', '\r\n.') })
            say('250 Taken')
          }
        }
      }
    })
    say('220 mail.test ESMTP')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `smtp://countersign:${password}@127.0.0.1:${port}`,
    port,
    mails,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
