const said = document.querySelector('#said')
const list = document.querySelector('#arrivals')
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

document.querySelector('#ask').addEventListener('click', async () => {
  said.textContent = 'Asking …'
  const answer = await fetch('/ask', { method: 'POST' }).catch(() => undefined)
  const body = await answer?.json().catch(() => undefined)
  if (answer?.ok) {
    const until = day.format(Number(body.data.authorization_expiry))
    said.textContent = `Asked. The demo user has been told; the request is open until ${until}.`
  } else {
    said.textContent = body?.errors?.[0]?.message ?? 'The server cannot be reached.'
  }
})

new EventSource('/arrivals').addEventListener('message', ({ data }) => {
  const { at, token, expiresAt, webhookId } = JSON.parse(data)
  // After a lost connection everything is told once more.
  if (document.getElementById(webhookId)) return
  const item = document.createElement('li')
  item.id = webhookId
  const code = document.createElement('code')
  code.textContent = token
  const time = document.createElement('time')
  time.textContent = `${clock.format(at)}, good until ${day.format(expiresAt)}`
  item.append(code, time)
  list.prepend(item)
  document.querySelector('#empty').hidden = true
})
