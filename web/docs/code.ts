import { element } from './element.ts'

/** A button at every piece of code that copies it. */
export function addCopyButtons() {
  for (const code of document.querySelectorAll<HTMLElement>('.code')) {
    const said = element('span', { role: 'status', class: 'said' })
    const button = element('button', { type: 'button', class: 'small' }, 'Copy')
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(code.querySelector('pre')?.textContent ?? '')
        said.textContent = 'Copied'
      } catch {
        said.textContent = 'Mark the text and copy it by hand.'
      }
      setTimeout(() => said.replaceChildren(), 2_000)
    })
    code.append(element('p', { class: 'copy-line' }, said, button))
  }
}

const CHOICE = 'docs-language'

/** The same in several languages stands in one place, with tabs; the choice holds for all pages. */
export function groupLanguages() {
  for (const group of groups()) {
    const [first] = group
    if (!first || group.length < 2) continue
    const tabs = group.map((panel, i) => {
      panel.id ||= `code-${document.querySelectorAll('.tabs').length}-${i}`
      const tab = element(
        'button',
        { type: 'button', role: 'tab', id: `${panel.id}-tab`, 'aria-controls': panel.id },
        panel.dataset.language ?? '',
      )
      panel.setAttribute('role', 'tabpanel')
      panel.setAttribute('aria-labelledby', tab.id)
      tab.addEventListener('click', () => chooseEverywhere(panel.dataset.language ?? ''))
      return tab
    })
    const list = element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Language' }, ...tabs)
    list.addEventListener('keydown', (event) => {
      const at = tabs.indexOf(document.activeElement as HTMLButtonElement)
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
      if (step === undefined || at < 0) return
      event.preventDefault()
      const next = tabs[(at + step + tabs.length) % tabs.length]
      next?.focus()
      next?.click()
    })
    first.before(list)
  }
  chooseEverywhere(kept() ?? '')
}

/** Pieces of code that follow each other directly, each in a language of its own. */
function groups(): HTMLElement[][] {
  const found: HTMLElement[][] = []
  for (const code of document.querySelectorAll<HTMLElement>('.code[data-language]')) {
    const last = found.at(-1)
    if (last && last.at(-1) === code.previousElementSibling) last.push(code)
    else found.push([code])
  }
  return found
}

function chooseEverywhere(language: string) {
  if (language) keep(language)
  for (const list of document.querySelectorAll('.tabs')) {
    const tabs = [...list.querySelectorAll('button')]
    const chosen = tabs.find((tab) => tab.textContent === language) ?? tabs[0]
    for (const tab of tabs) {
      tab.setAttribute('aria-selected', String(tab === chosen))
      tab.tabIndex = tab === chosen ? 0 : -1
      const panel = document.getElementById(tab.getAttribute('aria-controls') ?? '')
      if (panel) panel.hidden = tab !== chosen
    }
  }
}

// A browser may forbid storage; then the choice lasts as long as the page.
function kept(): string | null {
  try {
    return localStorage.getItem(CHOICE)
  } catch {
    return null
  }
}

function keep(language: string) {
  try {
    localStorage.setItem(CHOICE, language)
  } catch {}
}
