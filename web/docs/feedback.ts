import { element } from './element.ts'

/** A line to the people who run the server, without a name unless one is given. */
export function offerFeedback() {
  const place = document.querySelector<HTMLElement>('.feedback')
  if (!place) return
  const text = element('textarea', { id: 'feedback-text', required: true, maxlength: '4000', rows: '4' })
  const contact = element('input', { id: 'feedback-contact', maxlength: '200', autocomplete: 'email' })
  const said = element('p', { role: 'status' })
  const send = element('button', { type: 'submit' }, 'Send')
  const form = element(
    'form',
    {},
    element('p', {}, element('label', { for: text.id }, 'What did you look for and not find?'), text),
    element('p', {}, element('label', { for: contact.id }, 'Where may we answer? (if you like)'), contact),
    element('p', { class: 'quiet' }, 'It goes to the people who run this server. Write no secret into it.'),
    element('p', {}, send),
    said,
  )
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    send.disabled = true
    const fault = await post({ text: text.value, page: location.pathname, contact: contact.value })
    send.disabled = false
    said.textContent = fault ?? 'Thank you. It has arrived.'
    if (!fault) form.reset()
  })
  place.append(form)
  place.hidden = false
}

/** @returns what was wrong, in a sentence */
async function post(body: object): Promise<string | undefined> {
  try {
    const answer = await fetch('/v1/feedback', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (answer.ok) return undefined
    const { detail } = await answer.json()
    return String(detail)
  } catch {
    return 'The server cannot be reached. Your text is still here; try again in a moment.'
  }
}
