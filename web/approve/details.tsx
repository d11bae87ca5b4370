import type { DetailCard } from '../../src/api/contract.ts'
import { t } from '../ui/text.ts'
import { Words } from '../ui/words.tsx'

interface Props {
  details: DetailCard[]
  /** Numbers of those that are kept back, or are about to be. */
  withheld: number[]
  /** Asks for the text without these. */
  onWithhold: (withheld: number[]) => void
  isBusy: boolean
}

/** What is asked for in detail. Of several each can be kept back; to keep all of them back is to reject. */
export function Details({ details, withheld, onWithhold, isBusy }: Props) {
  const isOnlyOne = details.length - withheld.length === 1
  const isGiven = (number: number) => !withheld.includes(number)
  const toggle = (number: number) =>
    onWithhold(isGiven(number) ? [...withheld, number] : withheld.filter((each) => each !== number))
  return (
    <>
      {details.length > 1 && <p class="quiet">{t('request.untick')}</p>}
      <ul class="scopes">
        {details.map((each, i) => (
          <li key={i} class={each.dangerous ? 'danger' : undefined}>
            {details.length > 1 ? (
              <label class="tick">
                <input
                  type="checkbox"
                  checked={isGiven(i)}
                  disabled={isBusy || (isGiven(i) && isOnlyOne)}
                  onChange={() => toggle(i)}
                />
                <span>
                  <Sentence of={each} />
                </span>
              </label>
            ) : (
              <Sentence of={each} />
            )}
            <dl class="facts">
              {each.fields.map(({ name, texts }) => (
                <div key={name}>
                  <dt>
                    <Words texts={texts} bare={name} />
                  </dt>
                  <dd>
                    <bdi dir="auto">{said(each.detail, name)}</bdi>
                  </dd>
                </div>
              ))}
            </dl>
          </li>
        ))}
      </ul>
    </>
  )
}

function Sentence({ of: { dangerous, texts, detail } }: { of: DetailCard }) {
  return (
    <>
      {dangerous && <strong>{t('scope.danger')} </strong>}
      <Words texts={texts} bare={String(detail.type)} />
    </>
  )
}

/** A field by its name; within another field, by the names of both. */
function said(detail: DetailCard['detail'], name: string): string {
  const value = name.split('.').reduce<unknown>((of, key) => (of as Record<string, unknown>)[key], detail)
  if (typeof value === 'boolean') return t(value ? 'request.yes' : 'request.no')
  return Array.isArray(value) ? value.join(', ') : String(value)
}
