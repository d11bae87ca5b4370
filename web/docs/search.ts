import { element } from './element.ts'

interface Entry {
  address: string
  page: string
  title: string
  text: string
}

const MOST_SHOWN = 8

/** A field that finds sections of all pages; the index is fetched when somebody goes there. */
export function startSearch() {
  const place = document.querySelector<HTMLElement>('.search')
  if (!place) return
  const field = element('input', {
    id: 'search',
    type: 'search',
    role: 'combobox',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'Search',
    'aria-label': 'Search the documents',
    'aria-autocomplete': 'list',
    'aria-expanded': 'false',
    'aria-controls': 'found',
  })
  const list = element('ul', { id: 'found', role: 'listbox', 'aria-label': 'Found', hidden: true })
  const said = element('p', { role: 'status', class: 'unseen' })
  place.append(field, list, said)
  place.hidden = false

  let index: Promise<Entry[]> | undefined
  let at = -1
  const load = () => {
    index ??= fetch(document.body.dataset.index ?? '').then((answer) => answer.json())
    index.catch(() => {
      index = undefined
    })
    return index
  }
  const options = () => [...list.querySelectorAll<HTMLElement>('[role=option]')]
  const close = () => {
    list.hidden = true
    at = -1
    field.setAttribute('aria-expanded', 'false')
    field.removeAttribute('aria-activedescendant')
  }
  const point = (to: number) => {
    const all = options()
    at = all.length === 0 ? -1 : (to + all.length) % all.length
    all.forEach((option, i) => {
      option.setAttribute('aria-selected', String(i === at))
    })
    const pointed = all[at]
    if (pointed) field.setAttribute('aria-activedescendant', pointed.id)
    pointed?.scrollIntoView({ block: 'nearest' })
  }
  const show = async () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean)
    if (words.length === 0) return close()
    const asked = field.value
    const entries = await load().catch(() => undefined)
    if (asked !== field.value) return
    if (!entries) {
      said.textContent = 'The search could not be loaded.'
      return
    }
    const found = find(entries, words)
    list.replaceChildren(...found.map(optionOf))
    if (found.length === 0) list.append(element('li', { class: 'none' }, 'Nothing found.'))
    list.hidden = false
    field.setAttribute('aria-expanded', String(found.length > 0))
    said.textContent = found.length === 0 ? 'Nothing found.' : `${found.length} found.`
    if (found.length > 0) point(0)
  }

  field.addEventListener('focus', () => void load().catch(() => {}))
  field.addEventListener('input', () => void show())
  field.addEventListener('blur', () => setTimeout(close, 200))
  field.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') point(at + 1)
    else if (event.key === 'ArrowUp') point(at - 1)
    else if (event.key === 'Enter') go(options()[at])
    else if (event.key === 'Escape') close()
    else return
    event.preventDefault()
  })
  list.addEventListener('pointerdown', (event) => event.preventDefault())
  list.addEventListener('click', (event) =>
    go((event.target as HTMLElement).closest<HTMLElement>('li') ?? undefined),
  )
  addEventListener('keydown', (event) => {
    const isTyping = (event.target as HTMLElement).matches?.('input, textarea, select')
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    field.focus()
  })
  const go = (option: HTMLElement | undefined) => {
    if (!option?.dataset.address) return
    close()
    field.value = ''
    location.assign(option.dataset.address)
  }
}

function optionOf({ address, page, title }: Entry, i: number): HTMLElement {
  const option = element('li', { role: 'option', id: `found-${i}`, 'aria-selected': 'false' }, title)
  if (page !== title) option.append(element('span', { class: 'of' }, page))
  option.dataset.address = address
  return option
}

/** All words must be there; a word in a title weighs more than one in the text. */
function find(entries: Entry[], words: string[]): Entry[] {
  return entries
    .map((entry) => ({ entry, weight: weigh(entry, words) }))
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight)
    .slice(0, MOST_SHOWN)
    .map(({ entry }) => entry)
}

function weigh({ title, page, text }: Entry, words: string[]): number {
  let sum = 0
  for (const word of words) {
    const inTitle = title.toLowerCase().includes(word) ? 10 : 0
    const inPage = page.toLowerCase().includes(word) ? 4 : 0
    const inText = text.toLowerCase().includes(word) ? 1 : 0
    if (inTitle + inPage + inText === 0) return 0
    sum += inTitle + inPage + inText
  }
  return sum
}
