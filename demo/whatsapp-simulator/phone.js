// A chat of one phone. The server tells each message anew whenever something becomes of it.

const chat = document.querySelector('#chat')
const empty = document.querySelector('#empty')
const state = document.querySelector('#state')
const choice = document.querySelector('#choice')
const select = document.querySelector('#phone')
const form = document.querySelector('#write')
const text = document.querySelector('#text')

/** Messages by id, and what shows them. */
const bubbles = new Map()
const shown = new Map()

const TICKS = {
  accepted: { label: 'accepted', paths: [] },
  sent: { label: 'sent', paths: ['M5 6.5 8 9.5 15 2.5'] },
  delivered: { label: 'delivered', paths: ['M1 6.5 4 9.5 11 2.5', 'M8 8.5 9 9.5 16 2.5'] },
  read: { label: 'read', paths: ['M1 6.5 4 9.5 11 2.5', 'M8 8.5 9 9.5 16 2.5'] },
}

const stream = new EventSource('/events')
stream.addEventListener('open', () => {
  state.textContent = 'Business account'
})
stream.addEventListener('error', () => {
  state.textContent = 'Not connected; trying again…'
})
stream.addEventListener('message', ({ data }) => {
  const bubble = JSON.parse(data)
  const isNew = !bubbles.has(bubble.id)
  bubbles.set(bubble.id, bubble)
  if (isNew) offerPhone(bubble.to)
  if (bubble.to === select.value) show(bubble)
})
stream.addEventListener('phones', ({ data }) => {
  for (const phone of JSON.parse(data)) offerPhone(phone)
})
select.addEventListener('change', showAll)
form.addEventListener('submit', (event) => {
  event.preventDefault()
  if (text.value.trim() === '' || select.value === '') return
  post('/write', { from: select.value, text: text.value })
  text.value = ''
})
// Enter sends, as on a phone; with Shift it begins a line.
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  form.requestSubmit()
})
document.addEventListener('visibilitychange', markRead)

/** A choice is only shown when there is one. */
function offerPhone(to) {
  if ([...select.options].some(({ value }) => value === to)) return
  select.append(new Option(`+${to}`, to))
  choice.hidden = select.options.length < 2
}

function showAll() {
  for (const nodes of shown.values()) for (const node of nodes) node.remove()
  for (const day of chat.querySelectorAll('.day')) day.remove()
  shown.clear()
  for (const bubble of bubbles.values()) if (bubble.to === select.value) show(bubble)
  empty.hidden = shown.size > 0
}

function show(bubble) {
  const isAtEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 80
  const before = shown.get(bubble.id)
  const focused = before?.some((node) => node.contains(document.activeElement))
    ? document.activeElement.dataset.key
    : undefined
  const nodes = bubble.written
    ? [writtenNode(bubble)]
    : [messageNode(bubble), ...(bubble.tapped ? [replyNode(bubble)] : [])]
  if (before) {
    before[0].replaceWith(nodes[0])
    before[1]?.remove()
    if (nodes[1]) chat.append(nodes[1])
  } else {
    if (shown.size === 0) chat.append(element('p', { class: 'day' }, dayOf(bubble.at)))
    chat.append(...nodes)
  }
  shown.set(bubble.id, nodes)
  empty.hidden = true
  if (focused) nodes[0].querySelector(`[data-key="${focused}"]`)?.focus()
  if (isAtEnd || !before) chat.scrollTop = chat.scrollHeight
  markRead()
}

/** A message is read when somebody can see it. */
function markRead() {
  if (document.visibilityState !== 'visible') return
  for (const id of shown.keys()) {
    if (bubbles.get(id).status === 'delivered') post('/read', { id })
  }
}

function messageNode({ id, text, at, status, buttons, tapped }) {
  const isTapped = tapped !== null && tapped.state !== 'lost'
  const actions = buttons.map((button, i) => {
    const key = `action-${i}`
    if (button.kind === 'link') {
      const href = /^https?:\/\//.test(button.url) ? button.url : 'about:blank'
      const link = { class: 'action', href, target: '_blank', rel: 'noopener noreferrer', 'data-key': key }
      return element('a', link, icon('M7 3H3v10h10V9 M9 2h5v5 M14 2 7 9'), button.text)
    }
    const isChosen = isTapped && tapped.button === button.text
    const shape = isChosen ? icon('M3 8.5 6.5 12 13 4') : icon('M6 3 2 7l4 4 M2 7h7a5 5 0 0 1 5 5v1')
    const node = element('button', { class: 'action', type: 'button', 'data-key': key }, shape, button.text)
    node.disabled = isTapped
    if (isChosen) node.append(' (chosen)')
    node.addEventListener('click', () => post('/tap', { id, button: button.text }))
    return node
  })
  return element(
    'article',
    { class: 'bubble' },
    element('p', { class: 'text' }, text),
    element('p', { class: 'meta' }, timeNode(at), ' ', ticksNode(status)),
    element('div', { class: 'actions' }, ...actions),
  )
}

/** A tap shows as a message of the user's own, with the message it answers. */
function replyNode({ text, tapped }) {
  const note = arrivalNode(tapped.state, 'Tap again.')
  return element(
    'article',
    { class: 'bubble own' },
    element('p', { class: 'quote' }, `${text.slice(0, 60).trimEnd()}…`),
    element('p', { class: 'text' }, tapped.button),
    element('p', { class: 'meta' }, timeNode(tapped.at), ' ', note),
  )
}

/** What the person with the phone wrote. */
const writtenNode = ({ text, at, written }) =>
  element(
    'article',
    { class: 'bubble own' },
    element('p', { class: 'text' }, text),
    element('p', { class: 'meta' }, timeNode(at), ' ', arrivalNode(written, 'Send it again.')),
  )

function arrivalNode(state, advice) {
  const outcome = { sending: 'sending…', arrived: 'received', lost: `Not received by the server. ${advice}` }[
    state
  ]
  return element('span', state === 'lost' ? { class: 'lost' } : {}, outcome)
}

function ticksNode(status) {
  const { label, paths } = TICKS[status] ?? TICKS.accepted
  return element(
    'span',
    status === 'read' ? { class: 'meta-status read' } : { class: 'meta-status' },
    drawing('ticks', '0 0 20 12', paths),
    ` ${label}`,
  )
}

const timeNode = (at) =>
  element(
    'time',
    { datetime: new Date(at).toISOString() },
    new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }),
  )

const dayOf = (at) =>
  new Date(at).toDateString() === new Date().toDateString()
    ? 'Today'
    : new Date(at).toLocaleDateString([], { day: 'numeric', month: 'long' })

const icon = (path) => drawing('', '0 0 16 16', [path])

function drawing(name, viewBox, paths) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  for (const [key, value] of Object.entries({ class: name, viewBox, 'aria-hidden': 'true' }))
    svg.setAttribute(key, value)
  for (const d of paths) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
    path.setAttribute('d', d)
    svg.append(path)
  }
  return svg
}

function element(name, attributes, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  node.append(...children)
  return node
}

const post = (path, body) =>
  fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).catch(() => {})
