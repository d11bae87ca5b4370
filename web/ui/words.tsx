import { languageNow, t } from './text.ts'

interface Props {
  /** What the operator says of it, by language. */
  texts: Record<string, string>
  /** What it is called by machines, for where nothing was said. */
  bare: string
}

/** In the reader's language, else in English, else by its bare name. */
export function Words({ texts, bare }: Props) {
  const own = texts[languageNow()]
  if (own !== undefined) return <bdi>{own}</bdi>
  if (texts.en !== undefined) return <bdi lang="en">{texts.en}</bdi>
  return (
    <>
      {t('scope.unworded')} <bdi class="word">{bare}</bdi>
    </>
  )
}
